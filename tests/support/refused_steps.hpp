#pragma once
// What a Learner on any backend owes to steps behind one whose loss is not finite.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <daf/net/learner.hpp>
#include <limits>

#include "tiny_network.hpp"

namespace daf_test {

/// What the optimizer moves: the trained parameters and all moments.
template <class L>
std::vector<float> moved_by_optimizer(L& learner) {
    constexpr auto trained = static_cast<std::size_t>(daf::parameter_segments<typename L::Network>.trained());
    const daf::Index moments = daf::moment_count(learner.optimizer());
    std::vector<float> values(trained * static_cast<std::size_t>(1 + moments));
    const auto copy = [&](std::size_t at, const auto& slab) {
        learner.context().copy_out(values.data() + at, slab.data(), static_cast<daf::Index>(trained));
    };
    copy(0, learner.parameters());
    for (daf::Index i = 0; i < moments; ++i)
        copy(trained * static_cast<std::size_t>(1 + i), learner.moment(i));
    return values;
}

/// A step whose loss is not finite, and one queued behind it, leave all that as it was; one queued when the
/// host has been given that loss does not, though a refused one is still on its way.
template <class Backend>
void check_refused_steps(Backend& ctx) {
    // The centres go with the optimizer, so that a NaN does not stay in them.
    TinyNetwork net;
    net.metric.centre_update = daf::CentreUpdate::exact_gradient;
    daf::Learner<TinyNetwork, Backend> learner(ctx, daf::max_batch(6), daf::Seed{5}, net);
    const TinyData<float> good(6);
    TinyData<float> bad(6, 2);
    bad.pixels[70] = std::numeric_limits<float>::quiet_NaN();
    const auto queue = [&](const TinyData<float>& data) {
        learner.queue_step(data.images(), data.classes());
    };
    const auto finish = [&] { return std::isfinite(learner.finish_step().loss); };

    for (int i = 0; i < 3; ++i) learner.step(good.images(), good.classes());
    const auto before = moved_by_optimizer(learner);
    queue(bad);
    queue(good);
    CHECK_FALSE(finish());
    CHECK(finish());
    CHECK(moved_by_optimizer(learner) == before);
    learner.step(good.images(), good.classes());
    const auto moved = moved_by_optimizer(learner);
    CHECK(moved != before);

    queue(bad);
    queue(good);
    CHECK_FALSE(finish());
    queue(good);
    CHECK(finish());
    CHECK(finish());
    const auto after = moved_by_optimizer(learner);
    CHECK(after != moved);
    CHECK(std::ranges::all_of(after, [](float value) { return std::isfinite(value); }));
}

}  // namespace daf_test
