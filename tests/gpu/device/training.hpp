#pragma once
// Steps of training on any backend, few and small enough for a CPU that plays a device.
#include <daf/net/learner.hpp>
#include <vector>

#include "../../support/tiny_network.hpp"

namespace daf_test {

/// TinyNetwork's like with maps of which every kernel moves 16 bytes at a time, as those of the presets.
using WideTrunk =
    daf::Sequence<daf::Shape<8, 8, 1>, layer::ConvBnRelu<16>, layer::MaxPool<2>, layer::ConvBnRelu<16>,
                  layer::Named<"attention", layer::DualAttention<4, 3>>, layer::Dropout,
                  layer::Named<"fc1", layer::Linear<24, daf::Start::he>>, layer::Relu>;
using WideHead = daf::Sequence<daf::Shape<24>, layer::Dropout, layer::Named<"fc2", layer::Linear<3>>>;
using WideNetwork = daf::Network<WideTrunk, WideHead, daf::TripletCentreLoss<daf::Shape<24>, 3>>;

/// What is left of a run.
struct Trained {
    std::vector<double> losses;      // L, softmax and Triplet-Centre loss of every step
    std::vector<double> counts;      // active and recognised samples of every step
    std::vector<double> parameters;  // running statistics and centres among them
    friend bool operator==(const Trained&, const Trained&) = default;
};

inline const daf::Optimizer by_adam = daf::Adam{.learning_rate = 0.03, .weight_decay = 1e-3};
inline const daf::Optimizer by_sgd = daf::Sgd{.learning_rate = 0.2, .weight_decay = 1e-3};

/// A whole network with attention, dropout before both of its linear layers and the Triplet-Centre loss; the
/// last batch is a smaller one. Queued as a training loop does it, the next step while one runs.
template <class T, class Backend>
Trained trained(Backend& ctx, const daf::Optimizer& optimizer = by_adam) {
    constexpr int steps = 20;
    constexpr daf::Index largest = 16;
    TinyNetwork net;
    net.metric.margin = 2;
    daf::Learner<TinyNetwork, Backend, T> learner(ctx, daf::max_batch(largest), daf::Seed{5}, net,
                                                  {.lambda = 0.05}, optimizer);
    Trained result;
    const auto queue = [&](int step) {
        const TinyData<T> data(step + 1 < steps ? largest : largest - 5,
                               static_cast<std::uint64_t>(step + 1));
        learner.queue_step(data.images(), data.classes());
    };
    queue(0);
    for (int step = 1; step <= steps; ++step) {
        if (step < steps) queue(step);
        const daf::StepResult figures = learner.finish_step();
        result.losses.insert(result.losses.end(), {figures.loss, figures.softmax, figures.metric});
        for (const daf::Index count : {figures.active, figures.correct})
            result.counts.push_back(static_cast<double>(count));
    }
    using Number = daf::Wide<T>;
    std::vector<Number> parameters(learner.parameters().size());
    ctx.copy_out(parameters.data(), static_cast<const Number*>(learner.parameters().data()),
                 static_cast<daf::Index>(parameters.size()));
    result.parameters.assign(parameters.begin(), parameters.end());
    return result;
}

/// What a step of training leaves.
struct FirstStep {
    std::vector<double> losses;     // L, softmax and Triplet-Centre loss
    std::vector<double> gradients;  // and sums of centres
};

/// The first steps of WideNetwork, whose numbers have not grown apart yet, on images that bf16 holds.
template <class T, class Backend>
std::vector<FirstStep> first_steps(Backend& ctx) {
    using Number = daf::Wide<T>;
    daf::Learner<WideNetwork, Backend, T> learner(ctx, daf::max_batch(16), daf::Seed{5}, WideNetwork{},
                                                  {.lambda = 0.05}, daf::Sgd{.learning_rate = 0.05});
    std::vector<FirstStep> steps;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const TinyData<float> data(16, seed);
        std::vector<T> pixels;  // about zero, where bf16 has most numbers
        for (const float pixel : data.pixels) pixels.push_back(static_cast<T>(daf::bf16(pixel - 0.35f)));
        const daf::StepResult figures =
            learner.step(daf::batch_of<WideNetwork::Input>(std::as_const(pixels)), data.classes());
        std::vector<Number> gradients(learner.gradients().size());
        ctx.copy_out(gradients.data(), static_cast<const Number*>(learner.gradients().data()),
                     static_cast<daf::Index>(gradients.size()));
        steps.push_back(
            {{figures.loss, figures.softmax, figures.metric}, {gradients.begin(), gradients.end()}});
    }
    return steps;
}

/// The same on daf::Cpu, whose headers are not for nvcc.
Trained trained_on_cpu(const daf::Optimizer& optimizer = by_adam);
std::vector<FirstStep> first_steps_on_cpu();

}  // namespace daf_test
