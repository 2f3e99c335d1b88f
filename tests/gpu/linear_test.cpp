#include <daf/gpu/linear.hpp>
#include <daf/reference/linear.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Linear;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("a linear layer as a 1x1 convolution keeps every promise") {
    conform_on_fibers<Linear<Shape<13>, 20>>({}, daf_test::few_batches_of_products());
    conform_on_fibers<Linear<Shape<3, 4, 5>, 17>>({}, daf_test::few_batches_of_products());
    conform_on_fibers<Linear<Shape<1>, 24>>({}, daf_test::few_batches_of_products());
}

TEST_CASE("a linear layer of a few features, whose kernels are ours, keeps every promise") {
    conform_on_fibers<Linear<Shape<13>, 5>>({}, daf_test::few_batches());
    conform_on_fibers<Linear<Shape<5, 8, 8>, 7>>({}, daf_test::few_batches());
    conform_on_fibers<Linear<Shape<1>, 1>>({}, daf_test::few_batches());
    conform_on_fibers<Linear<Shape<40>, 16>>({}, daf_test::few_batches());
}

TEST_CASE("a linear layer made ready for inference gives the same") {
    using Op = Linear<Shape<13>, 20>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 4, 1);
    bench.forward_eval();
    const auto y = bench.y.copy();
    bench.poison_outputs();
    const daf::Prepared<Op, float, daf_test::HostGpu> prepared(
        gpu, Op{}, daf::read_only<Op, float>(bench.parameters()), 4);
    prepared.forward(gpu, bench.x_batch(), bench.y_batch());
    CHECK(bench.y.copy() == y);
}
