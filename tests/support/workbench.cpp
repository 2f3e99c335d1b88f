#include "workbench.hpp"

#include <daf/core/random.hpp>

namespace daf_test {

void draw(Buffer& x, Buffer& dy, Buffer& parameters, Index trained, Guarded<std::int32_t>& labels,
          Index classes, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 0, 77});
    // Beside activations in bf16, parameters are floats: these too get numbers that bf16 holds, so that a
    // product which rounds its weights is held against the same ones.
    const auto set = [&, in_bf16 = x.element() == Buffer::Element::bf16](Buffer& values, Index i,
                                                                         double value) {
        values.set(i, in_bf16 ? static_cast<double>(static_cast<daf::bf16>(value)) : value);
    };
    for (Buffer* values : {&x, &dy}) {
        for (Index i = 0; i < values->size(); ++i) set(*values, i, random.normal());
    }
    for (Index i = 0; i < parameters.size(); ++i) {
        // A state may be a variance: keep it positive.
        set(parameters, i, i < trained ? 0.5 * random.normal() : random.uniform(0.5, 1.5));
    }
    for (std::int32_t& label : labels.span()) {
        label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(classes)));
    }
}

}  // namespace daf_test
