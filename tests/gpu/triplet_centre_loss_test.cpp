#include <daf/gpu/triplet_centre_loss.hpp>
#include <daf/reference/triplet_centre_loss.hpp>

#include "support/conform_centres_on_fibers.hpp"

using daf::Shape;
using daf::TripletCentreLoss;
using daf_test::HostGpu;
using daf_test::LossCase;

namespace {

template <class Op>
void conform_both(double margin, const daf_test::Promise& promise = {}) {
    daf_test::conform_both_on_fibers(Op{.margin = margin}, promise);
}

}  // namespace

TEST_CASE("Triplet-Centre loss's kernels keep every promise") {
    conform_both<TripletCentreLoss<Shape<1>, 2>>(0.5);
    conform_both<TripletCentreLoss<Shape<7>, 7>>(2);
    conform_both<TripletCentreLoss<Shape<1, 2, 3>, 5>>(2);
    conform_both<TripletCentreLoss<Shape<128>, 11>>(11, {.batches = {18}, .seeds = {1}});
    conform_both<TripletCentreLoss<Shape<5>, 70>>(11, {.batches = {40}, .seeds = {1}});
}

TEST_CASE("equally near centres: the first is the nearest, whichever warp sees it") {
    HostGpu gpu;
    using Op = TripletCentreLoss<Shape<1>, 9>;
    LossCase<Op, HostGpu> loss(gpu, {.margin = 10}, {0, 0}, {0, 1});
    loss.set_centres({-1, 1, 1, -1, 1, 1, 1, 1, 1});
    loss.pass();
    CHECK(loss.saved().nearest.data()[0] == 1);
    CHECK(loss.saved().nearest.data()[1] == 0);
    CHECK(loss.slopes() == std::vector<double>{2, -2});
}

TEST_CASE("a NaN in any centre or embedding shows in the losses") {
    HostGpu gpu;
    using Op = TripletCentreLoss<Shape<2>, 7>;
    for (daf::Index j = 0; j < 7; ++j) {
        daf_test::Workbench<Op, float, HostGpu> bench(gpu, {}, 3, 1);
        bench.slab[2 * j] = std::numeric_limits<float>::quiet_NaN();
        bench.forward_train();
        for (daf::Index i = 0; i < 3; ++i) CHECK(std::isnan(bench.y[i]));
    }
    daf_test::Workbench<Op, float, HostGpu> bench(gpu, {}, 3, 1);
    bench.x[2] = std::numeric_limits<float>::quiet_NaN();
    bench.forward_train();
    CHECK_FALSE(std::isnan(bench.y[0]));
    CHECK(std::isnan(bench.y[1]));
    CHECK(bench.saved().active.data()[1] == 0);
}

TEST_CASE("Eq 12 moves the centres as the reference does") {
    daf_test::check_update_on_fibers(TripletCentreLoss<Shape<40>, 7>{});
}
