#include <daf/gpu/island_loss.hpp>
#include <daf/reference/island_loss.hpp>

#include "support/conform_centres_on_fibers.hpp"

using daf::IslandLoss;
using daf::Shape;

namespace {

/// The sums of cosines cancel where unit vectors are many or few-dimensional; the reference adds them another
/// way.
daf_test::Promise cancelling(daf_test::Promise promise = {}) {
    promise.double_tolerance = 1e-11;
    return promise;
}

}  // namespace

TEST_CASE("island loss's kernels keep every promise") {
    daf_test::conform_both_on_fibers(IslandLoss<Shape<1>, 2>{}, cancelling(daf_test::few_batches()));
    daf_test::conform_both_on_fibers(IslandLoss<Shape<2>, 3>{.lambda1 = 1},
                                     cancelling(daf_test::few_batches()));
    daf_test::conform_both_on_fibers(IslandLoss<Shape<7>, 7>{}, cancelling(daf_test::few_batches()));
    daf_test::conform_both_on_fibers(IslandLoss<Shape<300>, 5>{}, cancelling({.batches = {7}, .seeds = {1}}));
}

TEST_CASE("island loss's kernels move the centres as the reference does") {
    daf_test::check_update_on_fibers(IslandLoss<Shape<40>, 7>{});
    daf_test::check_update_on_fibers(IslandLoss<Shape<300>, 2>{});
}

TEST_CASE("a centre at the origin has no direction, and a NaN in one shows in every loss") {
    daf_test::HostGpu gpu;
    using Op = IslandLoss<Shape<2>, 3>;
    const auto losses = [&](std::initializer_list<double> centres) {
        daf_test::LossCase<Op, daf_test::HostGpu> loss(gpu, {.lambda1 = 3}, {0, 0, 0, 0}, {1, 1});
        loss.set_centres(centres);
        loss.pass();
        return loss.losses();
    };
    // 6 ordered pairs, of which (1, 2) and (2, 1) have the cosine -1: 6 - 2 = 4, shared by two samples.
    CHECK(losses({0, 0, 0, 2, 0, -1}) == std::vector<double>{2 + 6.0, 2 + 6.0});
    for (const double loss : losses({std::nan(""), 0, 0, 2, 0, -1})) CHECK(std::isnan(loss));
}
