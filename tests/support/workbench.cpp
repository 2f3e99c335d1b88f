#include "workbench.hpp"

namespace daf_test {

void draw(Buffer& x, Buffer& dy, Buffer& parameters, Index trained, Guarded<std::int32_t>& labels,
          Index classes, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 0, 77});
    for (Buffer* values : {&x, &dy}) {
        for (Index i = 0; i < values->size(); ++i) values->set(i, random.normal());
    }
    for (Index i = 0; i < parameters.size(); ++i) {
        // A state may be a variance: keep it positive.
        parameters.set(i, i < trained ? 0.5 * random.normal() : random.uniform(0.5, 1.5));
    }
    for (std::int32_t& label : labels.span()) {
        label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(classes)));
    }
}

}  // namespace daf_test
