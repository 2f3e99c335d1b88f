#include <daf/cpu/island_loss.hpp>
#include <daf/reference/island_loss.hpp>

#include "support/conformance.hpp"
#include "support/losses.hpp"

using daf::CentreUpdate;
using daf::IslandLoss;
using daf::Shape;
using daf_test::LossCase;
using daf_test::on_each_backend;
using Numbers = std::vector<double>;

namespace {

constexpr auto exact = CentreUpdate::exact_gradient;

template <class Op>
void conform_both(double lambda1) {
    // The sums of cosines cancel where unit vectors are many or few-dimensional; Cpu adds them another way.
    daf_test::conform<Op>({.lambda1 = lambda1, .centre_update = exact}, {.double_tolerance = 1e-11});
    daf_test::conform<Op>({.lambda1 = lambda1},
                          {.double_tolerance = 1e-11, .parameters_follow_gradient = false});
}

using Plane = IslandLoss<Shape<2>, 3>;

/// Centres (3,0), (0,2), (-1,0): cosines 0, -1, 0, so that 6 ordered pairs give 6 + 2 * (-1) = 4.
/// g_0 = (0,1)/3 + (0,0) = (0, 1/3): only c_1 is not parallel to c_0;  g_1 = (1,0)/2 + (-1,0)/2 = (0,0);
/// g_2 = (0,1)/1.
template <class Backend>
LossCase<Plane, Backend> plane(Backend& ctx, CentreUpdate how) {
    return {ctx, {.lambda1 = 3, .centre_update = how}, {4, 0, 0, 2}, {0, 1}};
}
constexpr std::initializer_list<double> plane_centres{3, 0, 0, 2, -1, 0};

}  // namespace

TEST_CASE("island loss keeps every promise") {
    conform_both<IslandLoss<Shape<1>, 2>>(10);
    conform_both<IslandLoss<Shape<2>, 3>>(1);
    conform_both<IslandLoss<Shape<7>, 7>>(10);
    conform_both<IslandLoss<Shape<128>, 7>>(10);
    conform_both<IslandLoss<Shape<512>, 11>>(10);
}

TEST_CASE("island loss moves its centres alike on every backend") {
    daf_test::conform_centre_update(IslandLoss<Shape<1>, 2>{});
    daf_test::conform_centre_update(IslandLoss<Shape<7>, 3>{});
    daf_test::conform_centre_update(IslandLoss<Shape<512>, 7>{});
    daf_test::conform_centre_update(IslandLoss<Shape<40>, 100>{});
    daf_test::check_centre_update_errors(IslandLoss<Shape<2>, 3>{});
}

TEST_CASE("island loss by hand: the pairs of centres are shared out over the batch") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx, CentreUpdate::equation_12);
        loss.set_centres(plane_centres);
        loss.pass();
        CHECK(loss.y[0] == doctest::Approx(0.5 + 3 * 4 / 2.0).epsilon(1e-14));
        CHECK(loss.y[1] == doctest::Approx(0 + 3 * 4 / 2.0).epsilon(1e-14));
        CHECK(loss.slopes() == Numbers{1, 0, 0, 0});  // the pairs do not reach the embeddings
        loss.update(0.5);
        // own part (4 - 3) / 2 for c_0's first element; g weighs lambda1 / (K - 1) = 1.5
        const Numbers want{3 + 0.5 * 0.5, -0.5 * 1.5 / 3, 0, 2, -1, -0.5 * 1.5};
        CHECK(daf_test::relative_difference(loss.centres(), want) < 1e-14);
    });
}

TEST_CASE("island loss by hand: the exact gradient of the centres") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx, exact);
        loss.set_centres(plane_centres);
        loss.weigh({1, 3});
        loss.pass();
        // 2 lambda1 (mean of dy) = 12 times g, and 1 * (3 - 4) for c_0's first element.
        const Numbers want{-1, 4, 0, 0, 0, 12};
        CHECK(daf_test::relative_difference(loss.values(loss.gradients().centres), want) < 1e-14);
        CHECK(loss.values(loss.gradients().own_sum) == Numbers(6, 0));
    });
}

TEST_CASE("a centre at the origin has cosine 0 with every other, and no NaN comes of it") {
    on_each_backend([](auto& ctx) {
        for (const CentreUpdate how : {CentreUpdate::equation_12, exact}) {
            auto loss = plane(ctx, how);
            loss.set_centres({3, 0, 0, 0, 2, 0});  // 6 pairs, of which two have cosine 1
            loss.pass();
            CHECK(loss.y[0] == doctest::Approx(0.5 + 3 * 8 / 2.0).epsilon(1e-14));
            if (how == exact) {
                const Numbers want{-1, 0, 0, -2, 0, 0};
                CHECK(daf_test::relative_difference(loss.values(loss.gradients().centres), want) < 1e-14);
            } else {
                loss.update(0.5);
                CHECK(loss.centres() == Numbers{3.25, 0, 0, 0.5, 2, 0});
            }
            loss.set_centres({0, 0, 0, 0, 0, 0});
            loss.forward_train();
            CHECK(loss.y[0] == 8 + 3 * 6 / 2.0);
        }
    });
}

TEST_CASE("a step of island loss turns the centres away from each other") {
    on_each_backend([](auto& ctx) {
        using Op = IslandLoss<Shape<2>, 2>;
        for (const CentreUpdate how : {CentreUpdate::equation_12, exact}) {
            // Samples on their centres: only the pair is left.
            LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(
                ctx, {.lambda1 = 1, .centre_update = how}, {1, 0, 1, 1}, {0, 1});
            loss.set_centres({1, 0, 1, 1});
            loss.pass();
            const double before = loss.y[0] + loss.y[1];
            if (how == exact) {
                for (daf::Index i = 0; i < 4; ++i) loss.slab[i] -= 0.01 * loss.gradients().centres[i];
            } else {
                loss.update(0.02);
            }
            loss.forward_train();
            CHECK(loss.y[0] + loss.y[1] < before - 0.005);
        }
    });
}

TEST_CASE("a NaN in any centre shows in every loss") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx, CentreUpdate::equation_12);
        loss.set_centres(plane_centres);
        loss.slab[5] = std::numeric_limits<double>::quiet_NaN();
        loss.forward_train();
        CHECK(std::isnan(loss.y[0]));
        CHECK(std::isnan(loss.y[1]));
    });
}

TEST_CASE("island loss refuses a label that is no class") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx, CentreUpdate::equation_12);
        loss.labels[1] = 3;
        CHECK(daf_test::message_of<daf::ArgumentError>([&] { loss.pass(); }) ==
              "island_loss: label 3 of sample 1 is not a class: expected 0 to 2");
    });
}
