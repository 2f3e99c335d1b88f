// Whole training steps on the GPU's kernels, run as fibers: what one kernel leaves is what the next one reads.
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

#include "../support/tiny_network.hpp"
#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf_test::HostGpu;
using daf_test::TinyNetwork;

namespace {

/// Losses of every step, then the parameters.
template <class Backend>
std::vector<double> trained(Backend& ctx, double softmax_weight) {
    daf::Learner<TinyNetwork, Backend, double> learner(ctx, daf::max_batch(5), daf::Seed{5}, TinyNetwork{},
                                                       {.softmax_weight = softmax_weight});
    std::vector<double> numbers;
    for (std::uint64_t step = 0; step < 5; ++step) {
        const daf_test::TinyData<double> data(step % 2 == 0 ? 5 : 3, step);
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
