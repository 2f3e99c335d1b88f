// Whole training steps of the preset lite, as it is, on the stand-ins for the CUDA runtime and for the
// execution of cuDNN's plans: every kernel of ours that it launches, every copy and its recording.
#include <daf/daf.cuh>
#include <daf/net/learner.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/counting.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/linear.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/optimizer.hpp>
#include <daf/reference/reduction.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>
#include <daf/reference/triplet_centre_loss.hpp>

#include "../support/stand_in_cudnn.hpp"
#include "../support/stand_in_runtime.hpp"
#include "network/presets.hpp"
#include "numbers.hpp"

using daf::Index;
using daf_test::cudnn_figures;
using daf_test::difference;
using daf_test::runtime_figures;

namespace {

using Lite = daf_cnn::NetworkOf<daf_cnn::Lite, daf_cnn::Attention::full>;
using Picture = Lite::Input;

constexpr std::size_t steps = 3;

/// What a step leaves.
struct Left {
    std::vector<float> losses;      // L, softmax and Triplet-Centre loss
    std::vector<Index> counts;      // active and recognised samples
    std::vector<float> parameters;  // running statistics and centres among them
};

/// Steps on two pictures each: queued call by call, recorded, and launched again.
template <class T, class Backend>
std::vector<Left> steps_of_lite(Backend& ctx) {
    constexpr Index images = 2;
    daf::Learner<Lite, Backend, T> learner(ctx, daf::max_batch(images), daf::Seed{3}, Lite{}, {},
                                           daf::Sgd{.learning_rate = 0.02, .weight_decay = 1e-3});
    std::vector<Left> left;
    for (std::uint64_t step = 0; step < steps; ++step) {
        const std::vector<T> pixels = daf_test::short_numbers<T>(images * Picture::size, step);
        const std::vector<std::int32_t> labels{1, static_cast<std::int32_t>(4 + step)};
        const daf::StepResult figures = learner.step(daf::batch_of<Picture>(pixels), daf::labels_of(labels));
        std::vector<T> parameters(learner.parameters().size());
        ctx.copy_out(parameters.data(), static_cast<const T*>(learner.parameters().data()),
                     static_cast<Index>(parameters.size()));
        left.push_back({{static_cast<float>(figures.loss), static_cast<float>(figures.softmax),
                         static_cast<float>(figures.metric)},
                        {figures.active, figures.correct},
                        {parameters.begin(), parameters.end()}});
    }
    return left;
}

}  // namespace

TEST_CASE(
    "three steps of the preset lite on Gpu are those of Reference, the third a recording that has run") {
    daf::Reference reference;
    const auto want = steps_of_lite<double>(reference);
    const auto recorded = runtime_figures().recordings_launched;
    const auto executions = cudnn_figures().executions;
    std::vector<Left> got;
    {
        daf::Gpu gpu;
        got = steps_of_lite<float>(gpu);
    }
    CHECK(runtime_figures().recordings_launched == recorded + steps - 1);
    CHECK(cudnn_figures().executions > executions);
    CHECK(runtime_figures().allocations == 0);
    CHECK(runtime_figures().pinned == 0);
    CHECK(runtime_figures().streams == 0);
    CHECK(runtime_figures().recordings == 0);
    // Each step makes more of the rounding before it. On Reference floats and doubles part by 2.4e-7, 8.3e-6
    // and 2.8e-5 in the losses, by 6.6e-7, 3.9e-6 and 9.5e-4 in the parameters.
    constexpr double of_losses[steps]{3e-6, 3e-5, 1e-4}, of_parameters[steps]{3e-6, 2e-5, 5e-3};
    for (std::size_t step = 0; step < steps; ++step) {
        INFO("step ", step);
        CHECK(difference(got[step].losses, want[step].losses) <= of_losses[step]);
        CHECK(difference(got[step].parameters, want[step].parameters) <= of_parameters[step]);
        CHECK(got[step].counts == want[step].counts);
    }
}
