#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/conform_on_fibers.hpp"

using daf::ConvBnRelu;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("the kernels around a convolution with BN and ReLU keep every promise") {
    const daf_test::Promise promise = daf_test::of_products_before_relu(daf_test::few_batches());
    conform_on_fibers<ConvBnRelu<Shape<5, 7, 3>, 4>>({}, promise);
    conform_on_fibers<ConvBnRelu<Shape<3, 3, 5>, 37>>({}, promise);
    conform_on_fibers<ConvBnRelu<Shape<4, 5, 6>, 8>>({}, promise);
    // Few channels: the convolution is a kernel of ours too.
    conform_on_fibers<ConvBnRelu<Shape<8, 9, 1>, 8>>({}, promise);
    conform_on_fibers<ConvBnRelu<Shape<6, 5, 1>, 24>>({}, promise);
}

TEST_CASE("inference by folded weights is inference by running figures") {
    using Op = ConvBnRelu<Shape<5, 6, 3>, 7>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, double, daf_test::HostGpu> bench(gpu, Op{}, 4, 1);
    bench.forward_train();  // moves the running figures
    bench.forward_eval();
    const auto y = bench.y.copy();
    bench.poison_outputs();
    const daf::Prepared<Op, double, daf_test::HostGpu> prepared(
        gpu, Op{}, daf::read_only<Op, double>(bench.parameters()), 4);
    prepared.forward(gpu, bench.x_batch(), bench.y_batch());
    CHECK(daf_test::relative_difference(bench.y.copy(), y) <= 1e-14);
}

TEST_CASE("conv + BN + ReLU refuses to train where a channel has a single value") {
    using Op = ConvBnRelu<Shape<1, 1, 2>, 3>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 1, 1);
    CHECK_THROWS_WITH_AS(bench.forward_train(),
                         "conv_bn_relu: training needs at least 2 images, got 1: give it more",
                         daf::ArgumentError);
    bench.forward_eval();
}
