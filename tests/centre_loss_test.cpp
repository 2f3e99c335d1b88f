#include <daf/cpu/centre_loss.hpp>
#include <daf/reference/centre_loss.hpp>

#include "support/conformance.hpp"
#include "support/losses.hpp"

using daf::CentreLoss;
using daf::CentreUpdate;
using daf::Shape;
using daf_test::LossCase;
using daf_test::on_each_backend;
using Numbers = std::vector<double>;

namespace {

constexpr auto exact = CentreUpdate::exact_gradient;

template <class Op>
void conform_both() {
    daf_test::conform<Op>({.centre_update = exact});
    daf_test::conform<Op>({}, {.parameters_follow_gradient = false});
}

}  // namespace

TEST_CASE("centre loss keeps every promise") {
    conform_both<CentreLoss<Shape<1>, 1>>();
    conform_both<CentreLoss<Shape<2>, 3>>();
    conform_both<CentreLoss<Shape<7>, 2>>();
    conform_both<CentreLoss<Shape<128>, 7>>();
    conform_both<CentreLoss<Shape<512>, 11>>();
}

TEST_CASE("centre loss moves its centres alike on every backend") {
    daf_test::conform_centre_update(CentreLoss<Shape<1>, 2>{});
    daf_test::conform_centre_update(CentreLoss<Shape<7>, 3>{});
    daf_test::conform_centre_update(CentreLoss<Shape<512>, 7>{});
    daf_test::conform_centre_update(CentreLoss<Shape<40>, 1000>{});
    daf_test::check_centre_update_errors(CentreLoss<Shape<2>, 3>{});
}

TEST_CASE("centre loss by hand: losses, slopes, sums, the step") {
    on_each_backend([](auto& ctx) {
        using Op = CentreLoss<Shape<2>, 3>;
        // Class 0 at (0,0) with (1,2), (3,0); class 1 at (1,1) with (1,4); class 2 is absent.
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {}, {1, 2, 1, 4, 3, 0}, {0, 1, 0});
        loss.set_centres({0, 0, 1, 1, 8, 9});
        loss.weigh({1, 2, 10});
        loss.pass();
        CHECK(loss.losses() == Numbers{2.5, 4.5, 4.5});
        CHECK(loss.slopes() == Numbers{1, 2, 0, 6, 30, 0});
        const auto sums = loss.gradients();
        CHECK(loss.values(sums.own_sum) == Numbers{4, 2, 1, 4, 0, 0});
        CHECK(loss.values(sums.own_count) == Numbers{2, 1, 0});
        CHECK(loss.values(sums.centres) == Numbers(6, 0));
        loss.update(0.75);
        CHECK(loss.slab[0] == doctest::Approx(1));  // 0.75 * 4 / 3
        CHECK(loss.slab[1] == doctest::Approx(0.5));
        CHECK(loss.slab[2] == 1);
        CHECK(loss.slab[3] == doctest::Approx(1 + 0.75 * 3 / 2));
        CHECK(loss.slab[4] == 8);
        CHECK(loss.slab[5] == 9);
    });
}

TEST_CASE("centre loss by hand: the exact gradient of the centres") {
    on_each_backend([](auto& ctx) {
        using Op = CentreLoss<Shape<2>, 2>;
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {.centre_update = exact},
                                                                  {1, 2, 1, 4, 3, 0}, {0, 1, 0});
        loss.set_centres({0, 0, 1, 1});
        loss.weigh({1, 2, 10});
        loss.pass();
        CHECK(loss.values(loss.gradients().centres) == Numbers{-31, -2, 0, -6});
        CHECK(loss.values(loss.gradients().own_sum) == Numbers(4, 0));
        CHECK(loss.values(loss.gradients().own_count) == Numbers(2, 0));
    });
}

TEST_CASE("a NaN stays in its own class") {
    on_each_backend([](auto& ctx) {
        using Op = CentreLoss<Shape<1>, 2>;
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(
            ctx, {}, {std::numeric_limits<double>::quiet_NaN(), 3}, {0, 1});
        loss.set_centres({0, 1});
        loss.pass();
        loss.update(0.5);
        CHECK(std::isnan(loss.y[0]));
        CHECK(std::isnan(loss.slab[0]));
        CHECK(loss.y[1] == 2);
        CHECK(loss.slab[1] == 1.5);
    });
}

TEST_CASE("centre loss refuses a label that is no class") {
    on_each_backend([](auto& ctx) {
        using Op = CentreLoss<Shape<1>, 2>;
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {}, {1}, {2});
        CHECK(daf_test::message_of<daf::ArgumentError>([&] { loss.pass(); }) ==
              "centre_loss: label 2 of sample 0 is not a class: expected 0 to 1");
    });
}
