#include <daf/gpu/max_pool.hpp>
#include <daf/reference/max_pool.hpp>

#include "support/conform_on_fibers.hpp"

using daf::MaxPool;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("max pooling's kernels keep every promise") {
    conform_on_fibers<MaxPool<Shape<6, 4, 3>>>();
    conform_on_fibers<MaxPool<Shape<5, 7, 17>>>();
    conform_on_fibers<MaxPool<Shape<7, 9, 4>, 3>>();
    conform_on_fibers<MaxPool<Shape<15, 31, 2>, 15>>({}, daf_test::few_batches());
}

TEST_CASE("of equal maxima the first alone takes the gradient, and a NaN is the maximum") {
    using Op = MaxPool<Shape<2, 6, 1>>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 1, 1);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{3, 3, 0, 2, 9, 1,  //
                               3, 3, 2, 2, 1, nan};
    std::copy(x.begin(), x.end(), bench.x.data());
    bench.dy.fill(1.0f);
    bench.forward_train();
    bench.backward(daf::overwrite(bench.dx_batch()));
    CHECK(bench.y[0] == 3);
    CHECK(bench.y[1] == 2);
    CHECK(std::isnan(bench.y[2]));
    CHECK(bench.dx.copy() == std::vector<float>{1, 0, 0, 1, 0, 0,  //
                                                0, 0, 0, 0, 0, 1});
}
