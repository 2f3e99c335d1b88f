#include <doctest/doctest.h>

#include <daf/gpu/batch_norm.hpp>
#include <daf/gpu/centre_loss.hpp>
#include <daf/gpu/conv2d.hpp>
#include <daf/gpu/linear.hpp>

#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf::Shape;

namespace {

/// A bias's gradient that was 1, after two images with slopes of 2^-24 and 2^-50. Their sum is more than half
/// a step of floats at 1; rounded to a float by itself it would be that half, which then vanishes.
template <class Op>
float added_to_one() {
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 2, 1);
    bench.forward_train();
    bench.gradient_slab.fill(1);
    bench.dy.fill(0);
    bench.dy[0] = 0x1p-24f;
    bench.dy[Op::Output::size] = 0x1p-50f;
    bench.backward(daf::skip);
    return bench.gradients().bias.data()[0];
}

constexpr float next_to_one = 1 + 0x1p-23f;

}  // namespace

TEST_CASE("what a batch adds to a gradient is added in double and rounded once") {
    CHECK(added_to_one<daf::Conv2d<Shape<2, 2, 8>, 4, 3, 1, daf::Bias::per_channel>>() == next_to_one);
    CHECK(added_to_one<daf::Linear<Shape<8>, 20>>() == next_to_one);
    CHECK(added_to_one<daf::Linear<Shape<8>, 7>>() == next_to_one);  // narrow: kernels of its own
    CHECK(added_to_one<daf::BatchNorm<Shape<2, 2, 3>>>() == next_to_one);
}

TEST_CASE("what a batch adds to the sum of a class's samples is rounded once, and their number is counted") {
    using Op = daf::CentreLoss<Shape<1>, 2>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 2, 1);
    bench.x[0] = 0x1p-24f;
    bench.x[1] = 0x1p-50f;
    bench.labels.fill(1);
    bench.forward_train();
    bench.gradient_slab.fill(1);
    bench.backward(daf::skip);
    const auto sums = bench.gradients();
    CHECK(sums.own_sum.data()[1] == next_to_one);
    CHECK(sums.own_count.data()[1] == 3);
    CHECK(sums.own_sum.data()[0] == 1);
    CHECK(sums.own_count.data()[0] == 1);
}
