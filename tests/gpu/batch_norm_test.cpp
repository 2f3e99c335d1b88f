#include <daf/gpu/batch_norm.hpp>
#include <daf/reference/batch_norm.hpp>

#include "support/conform_on_fibers.hpp"

using daf::BatchNorm;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("batch norm's kernels keep every promise") {
    daf_test::Promise promise = daf_test::few_batches();
    promise.batches = {3, 7};
    conform_on_fibers<BatchNorm<Shape<5, 7, 3>>>({}, promise);
    conform_on_fibers<BatchNorm<Shape<17>>>({}, promise);
    // Wider than a block.
    conform_on_fibers<BatchNorm<Shape<2, 2, 300>>>({}, promise);
}

TEST_CASE("sums over a large batch run in several chunks, and keep every promise") {
    static_assert(daf::gpu::SumSize{7 * 12 * 11, 40}.chunks() == 10);
    daf_test::Promise promise = daf_test::few_batches();
    promise.batches = {7};
    conform_on_fibers<BatchNorm<Shape<12, 11, 40>>>({}, promise);
}

TEST_CASE("a mean of a million deviations costs the variance no digits") {
    using Op = BatchNorm<Shape<9, 9, 2>>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, double, daf_test::HostGpu> near(gpu, Op{}, 6, 1), far(gpu, Op{}, 6, 1);
    for (daf::Index i = 0; i < far.x.size(); ++i) {
        near.x[i] = static_cast<double>(static_cast<float>(near.x[i]));  // so that the shift below is exact
        far.x[i] = near.x[i] + 1048576;
    }
    near.forward_train();
    far.forward_train();
    for (daf::Index i = 0; i < far.y.size(); ++i) CHECK(std::abs(far.y[i] - near.y[i]) < 1e-9);
}

TEST_CASE("batch norm refuses to train where a channel has a single value") {
    using Op = BatchNorm<Shape<4>>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 1, 1);
    CHECK_THROWS_AS(bench.forward_train(), daf::ArgumentError);
    bench.forward_eval();
}
