#include <daf/gpu/centre_loss.hpp>
#include <daf/reference/centre_loss.hpp>

#include "support/conform_centres_on_fibers.hpp"

using daf::CentreLoss;
using daf::Shape;

TEST_CASE("centre loss's kernels keep every promise") {
    daf_test::conform_both_on_fibers(CentreLoss<Shape<1>, 1>{});
    daf_test::conform_both_on_fibers(CentreLoss<Shape<7>, 2>{});
    daf_test::conform_both_on_fibers(CentreLoss<Shape<1, 2, 3>, 5>{});
    daf_test::conform_both_on_fibers(CentreLoss<Shape<128>, 7>{}, {.batches = {18}, .seeds = {1}});
}

TEST_CASE("centre loss's kernels move the centres as the reference does") {
    daf_test::check_update_on_fibers(CentreLoss<Shape<40>, 7>{});
    daf_test::check_update_on_fibers(CentreLoss<Shape<3>, 70>{});
}

TEST_CASE("a NaN stays in its own class") {
    daf_test::HostGpu gpu;
    using Op = CentreLoss<Shape<1>, 2>;
    daf_test::LossCase<Op, daf_test::HostGpu> loss(gpu, {}, {std::numeric_limits<double>::quiet_NaN(), 3},
                                                   {0, 1});
    loss.set_centres({0, 1});
    loss.pass();
    loss.update(0.5);
    CHECK(std::isnan(loss.y[0]));
    CHECK(std::isnan(loss.slab[0]));
    CHECK(loss.y[1] == 2);
    CHECK(loss.slab[1] == 1.5);
}
