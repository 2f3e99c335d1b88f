#include <daf/gpu/global_pool.hpp>
#include <daf/reference/global_pool.hpp>

#include "support/conform_on_fibers.hpp"

using daf::GlobalAveragePool;
using daf::GlobalMaxPool;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("global pools' kernels keep every promise") {
    conform_on_fibers<GlobalAveragePool<Shape<5, 7, 3>>>();
    conform_on_fibers<GlobalAveragePool<Shape<1, 1, 17>>>();
    conform_on_fibers<GlobalMaxPool<Shape<5, 7, 3>>>();
    conform_on_fibers<GlobalMaxPool<Shape<3, 3, 130>>>();
}

TEST_CASE("of equal maxima the first alone takes the gradient, and a NaN is the maximum") {
    using Op = GlobalMaxPool<Shape<2, 2, 2>>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 1, 1);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{3, 1, 5, nan, 5, 2, 4, 0};
    std::copy(x.begin(), x.end(), bench.x.data());
    bench.dy.fill(1.0f);
    bench.forward_train();
    bench.backward(daf::overwrite(bench.dx_batch()));
    CHECK(bench.y[0] == 5);
    CHECK(std::isnan(bench.y[1]));
    CHECK(bench.dx.copy() == std::vector<float>{0, 0, 1, 1, 0, 0, 0, 0});
}
