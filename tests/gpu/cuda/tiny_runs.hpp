#pragma once
// Training the tiny network on any backend: the same steps from the same start, and what they leave.
#include <daf/net/learner.hpp>

#include "../../support/tiny_network.hpp"
#include "numbers.hpp"

namespace daf_test {

using daf::Index;

template <class Net, class Backend>
std::vector<float> values_of(Backend& ctx, daf::Slab<const float, typename Backend::Space> slab) {
    std::vector<float> values(slab.size());
    ctx.copy_out(values.data(), slab.data(), static_cast<Index>(slab.size()));
    return values;
}
template <class L>
std::vector<float> parameters_of(L& learner) {
    return values_of<typename L::Network>(learner.context(), learner.parameters());
}

/// Losses, counts and parameters of a run.
struct Run {
    std::vector<float> losses, parameters;
    std::vector<Index> counts;

    void add(const daf::StepResult& step) {
        losses.insert(losses.end(), {static_cast<float>(step.loss), static_cast<float>(step.softmax),
                                     static_cast<float>(step.metric)});
        counts.insert(counts.end(), {step.active, step.correct, step.count});
    }
    friend bool operator==(const Run&, const Run&) = default;
};

inline constexpr Index most_images = 6;
inline const daf::Optimizer descent = daf::Sgd{.learning_rate = 0.02, .weight_decay = 1e-3};

template <class T = float, class Backend>
daf::Learner<TinyNetwork, Backend, T> tiny_learner(Backend& ctx, const daf::Optimizer& optimizer = descent,
                                                   const daf::JointObjective& objective = {}) {
    return {ctx, daf::max_batch(most_images), daf::Seed{5}, TinyNetwork{}, objective, optimizer};
}

/// The batch of a step: two sizes take turns, and no two steps see the same images.
template <class T = float>
TinyData<T> batch_of_step(int step) {
    return TinyData<T>(step % 2 == 0 ? most_images : most_images - 2, static_cast<std::uint64_t>(step + 1));
}

inline constexpr int steps = 8;

template <class L, class BeforeStep>
Run run_of(L& learner, const BeforeStep& before_step) {
    using T = std::remove_const_t<typename L::Images::Element>;
    Run run;
    for (int step = 0; step < steps; ++step) {
        before_step(step);
        const TinyData<T> data = batch_of_step<T>(step);
        run.add(learner.step(data.images(), data.classes()));
    }
    run.parameters = parameters_of(learner);
    return run;
}
template <class L>
Run run_of(L& learner) {
    return run_of(learner, [](int) {});
}

template <class Backend>
Run tiny_run(Backend& ctx, const daf::Optimizer& optimizer = descent,
             const daf::JointObjective& objective = {}) {
    auto learner = tiny_learner(ctx, optimizer, objective);
    return run_of(learner);
}

inline void check_near(const Run& got, const Run& want, double tolerance) {
    CHECK(difference(got.losses, want.losses) <= tolerance);
    CHECK(difference(got.parameters, want.parameters) <= tolerance);
    CHECK(got.counts == want.counts);
}

}  // namespace daf_test
