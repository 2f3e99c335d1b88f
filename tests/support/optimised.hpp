#pragma once
// Steps of an optimizer on any backend.
#include <doctest/doctest.h>
#include <daf/core/random.hpp>
#include <daf/ops/optimizer.hpp>

#include "guarded.hpp"

namespace daf_test {

/// The parameters after three steps with random gradients. `first`: how many elements behind an aligned
/// address the slabs begin.
template <class T, class Backend>
std::vector<T> after_three_steps(Backend& ctx, const daf::Optimizer& optimizer, Index decayed,
                                 Index undecayed, Index first = 0) {
    const Index size = first + decayed + undecayed;
    Guarded<T> p(size), g(size), m(size), v(size);
    daf::RandomSequence random(daf::Stream{daf::Seed{9}});
    m.fill(0);
    v.fill(0);
    const auto draw = [&](Guarded<T>& numbers) {
        numbers.fill(0);
        for (Index i = first; i < size; ++i) numbers[i] = static_cast<T>(random.normal());
    };
    const auto upload = [&](Guarded<T>& numbers) {
        return ctx.upload(daf::Batch<daf::Shape<1>, T, daf::Host>(numbers.data(), size));
    };
    draw(p);
    const auto parameters = upload(p), first_moment = upload(m), second_moment = upload(v);
    for (std::uint32_t step = 1; step <= 3; ++step) {
        draw(g);
        const auto gradients = upload(g);
        daf::update(ctx, optimizer,
                    daf::UpdateCall<T>{parameters.data() + first, gradients.data() + first,
                                       first_moment.data() + first, second_moment.data() + first, decayed,
                                       undecayed, step});
    }
    CHECK(p.edges_whole());
    CHECK(m.edges_whole());
    CHECK(v.edges_whole());
    const auto moved = ctx.download(parameters);
    return {moved.data() + first, moved.data() + size};
}

/// Every rule, with and without decay.
inline std::vector<daf::Optimizer> every_optimizer() {
    return {daf::Adam{}, daf::Adam{.weight_decay = 0.1}, daf::Sgd{},
            daf::Sgd{.weight_decay = 0.1, .nesterov = false}};
}

}  // namespace daf_test
