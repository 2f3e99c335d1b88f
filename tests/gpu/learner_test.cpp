// Whole training steps on the GPU's kernels, run as fibers: what one kernel leaves is what the next one
// reads.
#include <doctest/doctest.h>

#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/counting.hpp>
#include <daf/gpu/dropout.hpp>
#include <daf/gpu/dual_attention.hpp>
#include <daf/gpu/linear.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/gpu/optimizer.hpp>
#include <daf/gpu/reduction.hpp>
#include <daf/gpu/relu.hpp>
#include <daf/gpu/softmax_cross_entropy.hpp>
#include <daf/gpu/triplet_centre_loss.hpp>
#include <daf/net/learner.hpp>
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

#include "../support/own_loss.hpp"
#include "../support/refused_steps.hpp"
#include "../support/tiny_network.hpp"
#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf_test::HostGpu;
using daf_test::TinyNetwork;

namespace {

constexpr std::uint64_t steps = 5;

/// Two losses and two counts of every step, then the parameters.
template <class T = double, class Backend>
std::vector<double> trained(Backend& ctx, double softmax_weight) {
    daf::Learner<TinyNetwork, Backend, T> learner(ctx, daf::max_batch(5), daf::Seed{5}, TinyNetwork{},
                                                  {.softmax_weight = softmax_weight});
    std::vector<double> numbers;
    for (std::uint64_t step = 0; step < steps; ++step) {
        const daf_test::TinyData<T> data(step % 2 == 0 ? 5 : 3, step);
        const daf::StepResult result = learner.step(data.images(), data.classes());
        numbers.insert(numbers.end(), {result.loss, result.metric, static_cast<double>(result.active),
                                       static_cast<double>(result.correct)});
    }
    numbers.insert(numbers.end(), learner.parameters().begin(), learner.parameters().end());
    return numbers;
}

}  // namespace

TEST_CASE("five training steps are the reference's, with the same bits under any schedule") {
    daf::Reference reference;
    for (const double softmax_weight : {1.0, 0.0}) {
        const auto want = trained(reference, softmax_weight);
        HostGpu gpu(1), other(2);
        const auto got = trained(gpu, softmax_weight);
        CHECK(daf_test::relative_difference(got, want) < 1e-9);
        CHECK(trained(other, softmax_weight) == got);
    }
}

TEST_CASE(
    "activations in bf16: training stays near training in double, with the same bits under any schedule") {
    daf::Reference reference;
    for (const double softmax_weight : {1.0, 0.0}) {
        const auto want = trained(reference, softmax_weight);
        HostGpu gpu(1), other(2);
        const auto got = trained<daf::bf16>(gpu, softmax_weight);
        double losses = 0, parameters = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double apart = std::abs(got[i] - want[i]);
            const bool is_figure = i < 4 * steps, is_loss = is_figure && i % 4 < 2;
            if (is_loss) losses = std::max(losses, apart);
            if (!is_figure) parameters = std::max(parameters, apart);
        }
        CHECK(losses < 0.02);
        CHECK(parameters < 0.005);
        CHECK(trained<daf::bf16>(other, softmax_weight) == got);
    }
}

TEST_CASE("activations in bf16 halve the memory of activations, and parameters are floats") {
    using Half = daf::Learner<TinyNetwork, HostGpu, daf::bf16>;
    using Single = daf::Learner<TinyNetwork, HostGpu>;
    HostGpu gpu;
    Half half(gpu, daf::max_batch(5), daf::Seed{5});
    Single single(gpu, daf::max_batch(5), daf::Seed{5});
    static_assert(std::is_same_v<decltype(half.parameters()), std::span<float>>);
    CHECK(std::ranges::equal(half.parameters(), single.parameters()));  // to the bit, at the start
    const auto trunk = [](auto type) {
        return daf::Workspace<daf_test::TinyTrunk, decltype(type), HostGpu, daf::train>::bytes(64);
    };
    CHECK(trunk(daf::bf16{}) < 0.6 * static_cast<double>(trunk(0.0f)));
}

TEST_CASE(
    "a step behind one whose loss is not finite leaves the weights alone too, until the host has been given "
    "that "
    "loss") {
    HostGpu gpu;
    daf_test::check_refused_steps(gpu);
}

TEST_CASE("a descent moves a model as a learner moves the same network, to the same bits") {
    HostGpu gpu;
    daf_test::check_descent_beside_learner(gpu, daf::Adam{.weight_decay = 0.01});
    daf_test::check_descent_beside_learner(gpu, daf::Sgd{});
}
