// Outputs that a training network never stores (core/deferred.hpp), against operators that store them.
#include <doctest/doctest.h>

#include <daf/daf.hpp>

#include "support/allocations.hpp"
#include "support/tiny_network.hpp"
#include "support/two_ways.hpp"
#include "support/workbench.hpp"

using daf::Index;
using daf::Shape;
namespace layer = daf::layer;

namespace {

// Channels that fill no packet, maps that no tile and no window divides, a row left out by the pool;
// gradients' sums over several strips of an image, the last one shorter.
using Net = daf::Sequence<Shape<13, 21, 2>, layer::ConvBnRelu<5>, layer::ConvBnRelu<19>, layer::ConvBnRelu<8>,
                          layer::MaxPool<2>, layer::ConvBnRelu<6>, layer::ConvBnRelu<7>,
                          layer::DualAttention<7, 3>, layer::Linear<3>>;

// A pool behind a pool, windows of 3 and positions that no window holds, and a pool whose output is the
// network's.
using PoolsInARow = daf::Sequence<Shape<14, 20, 2>, layer::ConvBnRelu<5>, layer::MaxPool<3>,
                                  layer::MaxPool<2>, layer::ConvBnRelu<6>, layer::MaxPool<2>>;

/// A workspace on every number of threads, by both algorithms.
template <class Net, class T>
void check_on_any_threads() {
    for (const auto algorithm : {daf::Convolution::direct, daf::Convolution::winograd}) {
        for (const Index count : {1, 3, 18}) {
            const daf_test::Given<Net, T> given(count);
            daf::Cpu one(daf::Threads{1});
            one.set_convolution(algorithm);
            const auto want = daf_test::one_by_one(one, given);
            for (const int threads : {1, 2, 3, 4, 8}) {
                daf::Cpu cpu(daf::Threads{threads});
                cpu.set_convolution(algorithm);
                INFO("batch ", count, ", threads ", threads);
                daf_test::check_same_bits(daf_test::in_a_workspace(cpu, given), want);
            }
        }
    }
}

}  // namespace

TEST_CASE("a network that stores no output between convolutions and pools gives the same bits") {
    check_on_any_threads<Net, float>();
    check_on_any_threads<Net, double>();
    check_on_any_threads<PoolsInARow, float>();
}

TEST_CASE("what a kernel declares decides which outputs are stored") {
    using Conv = Net::Operator<0>;
    static_assert(daf::output_can_be_deferred<Conv, daf::Cpu, float>);
    static_assert(daf::reads_deferred<Conv, daf::Cpu> && daf::reads_deferred<Net::Operator<3>, daf::Cpu>);
    static_assert(!daf::reads_deferred<Net::Operator<6>, daf::Cpu>);
    static_assert(!daf::output_can_be_deferred<Net::Operator<3>, daf::Cpu, float>);
    static_assert(!daf::output_can_be_deferred<Conv, daf::Reference, float>);
    static_assert(!daf::reads_deferred<Conv, daf::Reference>);

    // A pool's gradient is made where the convolution before it reads dy.
    using Pool = Net::Operator<3>;
    static_assert(daf::gradient_can_be_deferred<Pool, daf::Cpu, float>);
    static_assert(daf::reads_deferred_gradient<Conv, daf::Cpu>);
    static_assert(!daf::reads_deferred_gradient<Net::Operator<6>, daf::Cpu>);
    static_assert(!daf::gradient_can_be_deferred<Pool, daf::Reference, float>);

    // Maps of equal convolutions: of six, the last has an output; gradients lie in the place of z.
    using C = layer::ConvBnRelu<64>;
    using Six = daf::Sequence<Shape<32, 32, 64>, C, C, C, C, C, C>;
    constexpr Index map = 4 * 8 * 32 * 32 * 64, figures = 2 * 256;
    static_assert(daf::Workspace<Six, float, daf::Cpu, daf::train>::bytes(8) ==
                  6 * (map + figures) + 2 * map);
    static_assert(daf::Workspace<Six, float, daf::Reference, daf::train>::bytes(8) ==
                  6 * (2 * map + figures) + map);
}

TEST_CASE("a learner evaluates in the memory that it trains in") {
    using Learner = daf::Learner<daf_test::TinyNetwork, daf::Cpu>;
    using Trunk = daf::Workspace<daf_test::TinyTrunk, float, daf::Cpu, daf::train>;
    using Head = daf::Workspace<daf_test::TinyHead, float, daf::Cpu, daf::train>;
    const Index slabs =
        4 * (daf::parameter_count<daf_test::TinyNetwork> + daf::gradient_count<daf_test::TinyNetwork> +
             2 * daf::parameter_segments<daf_test::TinyNetwork>.trained());
    const Index rest = Learner::bytes(18, daf::Adam{}) - slabs - Trunk::bytes(18) - Head::bytes(18);
    CHECK(rest > 0);
    CHECK(rest < 4096);  // losses, their weights, two gradients, and what the losses save

    // Evaluating between steps changes nothing of them.
    const auto train = [](bool evaluating) {
        daf::Cpu cpu(daf::Threads{2});
        Learner learner(cpu, daf::max_batch(18), daf::Seed{5});
        const daf_test::TinyData<float> data(18);
        for (int i = 0; i < 3; ++i) {
            learner.step(data.images(), data.classes());
            if (evaluating) learner.evaluate(data.images());
        }
        return std::vector<float>(learner.parameters().begin(), learner.parameters().end());
    };
    CHECK(train(true) == train(false));
}

TEST_CASE("a deferred batch is checked as any other") {
    using Conv = daf::ConvBnRelu<Shape<4, 4, 3>, 5>;
    using Pool = daf::MaxPool<Shape<4, 4, 5>>;
    daf::Cpu cpu(daf::Threads{1});
    daf_test::Workbench<Conv, float, daf::Cpu> conv(cpu, {}, 3, 1);
    daf_test::Workbench<Pool, float, daf::Cpu> pool(cpu, {}, 3, 1);
    const auto of = [&](Index count) {
        return daf::Deferred<Conv, float>{daf::read_only<Conv, float>(conv.parameters()), conv.saved(),
                                          count};
    };
    const auto pool_of = [&](const auto& x) {
        daf::forward<daf::train>(cpu, Pool{}, x, pool.y_batch(), daf::Nothing{}, pool.saved());
    };
    daf::forward<daf::train>(cpu, Conv{}, conv.x_batch(), of(3), conv.parameters(), conv.saved());
    pool_of(of(3));
    const auto deferred = pool.y.copy();
    daf::write_out(cpu, of(3), daf::Batch<Conv::Output, float>{pool.x.data(), 3});
    pool_of(pool.x_batch());
    CHECK(pool.y.copy() == deferred);

    CHECK_THROWS_WITH_AS(
        daf::forward<daf::train>(cpu, Conv{}, conv.x_batch(), of(2), conv.parameters(), conv.saved()),
        "conv_bn_relu: y must hold 3 images as x does, but holds 2", daf::ArgumentError);
    auto nothing = of(3);
    nothing.saved.z = {};
    CHECK_THROWS_WITH_AS(pool_of(nothing), "conv_bn_relu: saved tensor `z` is null: bind it to memory",
                         daf::ArgumentError);

    // So is a deferred gradient.
    const auto conv_of = [&](const auto& slopes) {
        daf::backward(cpu, Conv{}, conv.x_batch(), of(3), slopes, daf::overwrite(conv.dx_batch()),
                      conv.parameters(), conv.gradients(), conv.saved());
        return conv.dx.copy();
    };
    const daf::Batch<Pool::Output, const float> dy{pool.dy.data(), 3};
    daf::backward(cpu, Pool{}, pool.x_batch(), pool.y_batch(), dy, daf::overwrite(pool.dx_batch()),
                  daf::Nothing{}, daf::Nothing{}, pool.saved());
    daf::DeferredGradient<Pool, float> gradient{dy, pool.saved()};
    CHECK(conv_of(gradient) == conv_of(pool.dx_batch()));
    gradient.saved.winner = {};
    CHECK_THROWS_WITH_AS(conv_of(gradient), "max_pool: saved tensor `winner` is null: bind it to memory",
                         daf::ArgumentError);
    gradient.dy = {};
    CHECK_THROWS_WITH_AS(conv_of(gradient), doctest::Contains("conv_bn_relu: the batch is empty"),
                         daf::ArgumentError);
}
