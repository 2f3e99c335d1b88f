// What a training network on a GPU never stores, maps before a pool and the gradients behind them
// (core/deferred.hpp), against operators that store them.
#include <doctest/doctest.h>

#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/linear.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/workspace.hpp>
#include <vector>

#include "../support/two_ways.hpp"
#include "support/host_gpu.hpp"

using daf::Index;
using daf::Shape;
using daf_test::HostGpu;
namespace layer = daf::layer;

namespace {

// A row and a column that no window covers; channels with packs and without; pools in a row, and one at the
// end.
using Net = daf::Sequence<Shape<9, 13, 2>, layer::ConvBnRelu<8>, layer::MaxPool<2>, layer::ConvBnRelu<5>,
                          layer::ConvBnRelu<16>, layer::MaxPool<2>, layer::MaxPool<1>, layer::ConvBnRelu<8>,
                          layer::MaxPool<2>>;

}  // namespace

TEST_CASE_TEMPLATE(
    "a network that stores no map before a pool, nor its gradient, has the bits of one that does", T, float,
    double, daf::bf16) {
    static_assert(daf::output_can_be_deferred<Net::Operator<0>, HostGpu, T> &&
                  daf::gradient_can_be_deferred<Net::Operator<1>, HostGpu, T> &&
                  daf::reads_deferred_gradient<Net::Operator<0>, HostGpu> &&
                  !daf::reads_deferred_gradient<Net::Operator<4>, HostGpu>);
    HostGpu gpu;
    const daf_test::Given<Net, T> given(3);
    daf_test::check_same_bits(daf_test::in_a_workspace(gpu, given), daf_test::one_by_one(gpu, given));
}

TEST_CASE("a map before a pool takes the memory of what its convolution saves, no more") {
    using C = layer::ConvBnRelu<64>;
    using Pooled = daf::Sequence<Shape<32, 32, 64>, C, layer::MaxPool<2>, C, layer::MaxPool<2>, C>;
    constexpr Index map = 4 * 8 * 32 * 32 * 64, figures = 2 * 256;
    // Of each convolution z, of each pool a winner and an output; behind the last pool y is stored, and two
    // of the gradients on their way back find no place that is done with.
    static_assert(daf::Workspace<Pooled, float, HostGpu, daf::train>::bytes(8) ==
                  (map + figures) + (map / 16 + map / 4) + (map / 4 + figures) + (map / 64 + map / 16) +
                      (map / 16 + figures) + map / 16 + (map / 4 + map / 16));
}
