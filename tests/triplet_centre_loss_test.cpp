#include <daf/cpu/triplet_centre_loss.hpp>
#include <daf/reference/triplet_centre_loss.hpp>

#include "support/conformance.hpp"
#include "support/losses.hpp"

using daf::CentreUpdate;
using daf::Index;
using daf::Shape;
using daf::TripletCentreLoss;
using daf_test::LossCase;
using daf_test::on_each_backend;
using Numbers = std::vector<double>;

namespace {

constexpr auto exact = CentreUpdate::exact_gradient;
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

/// The loss by Eq 12, which is no gradient, and by the exact gradient, which is.
template <class Op>
void conform_both(double margin, daf_test::Promise promise = {}) {
    daf_test::conform<Op>({.margin = margin, .centre_update = exact}, promise);
    promise.parameters_follow_gradient = false;
    daf_test::conform<Op>({.margin = margin}, promise);
}

using Plane = TripletCentreLoss<Shape<2>, 3>;

/// Three samples around the centres (0,0), (3,0), (0,5), margin 2.
///   e        p    D to 0, 1, 2     q    hinge
///   (1,0)    0    0.5, 2, 13       1    0.5 + 2 - 2    =  0.5
///   (-4,0)   0    8, 24.5, 20.5    2    8 + 2 - 20.5   = -10.5, not active
///   (2,1)    1    2.5, 1, 10       0    1 + 2 - 2.5    =  0.5
template <class Backend>
LossCase<Plane, Backend> plane(Backend& ctx, Plane op = {.margin = 2}) {
    return {ctx, op, {1, 0, -4, 0, 2, 1}, {0, 0, 1}};
}
constexpr std::initializer_list<double> plane_centres{0, 0, 3, 0, 0, 5};

}  // namespace

TEST_CASE("Triplet-Centre loss keeps every promise") {
    conform_both<TripletCentreLoss<Shape<1>, 2>>(0.5);
    conform_both<TripletCentreLoss<Shape<2>, 3>>(1);
    conform_both<TripletCentreLoss<Shape<7>, 7>>(2);
    conform_both<TripletCentreLoss<Shape<128>, 7>>(11);
    conform_both<TripletCentreLoss<Shape<512>, 11>>(11);
    conform_both<TripletCentreLoss<Shape<1, 2, 3>, 5>>(2);
}

TEST_CASE("Triplet-Centre loss keeps them with a thousand classes and with a large batch") {
    conform_both<TripletCentreLoss<Shape<16>, 1000>>(11, {.batches = {1, 40}, .seeds = {1}});
    conform_both<TripletCentreLoss<Shape<33>, 7>>(11, {.batches = {500}, .seeds = {1}});
}

TEST_CASE("Triplet-Centre loss moves its centres alike on every backend") {
    daf_test::conform_centre_update(TripletCentreLoss<Shape<1>, 2>{});
    daf_test::conform_centre_update(TripletCentreLoss<Shape<7>, 3>{});
    daf_test::conform_centre_update(TripletCentreLoss<Shape<512>, 7>{});
    daf_test::conform_centre_update(TripletCentreLoss<Shape<40>, 1000>{});
    daf_test::check_centre_update_errors(TripletCentreLoss<Shape<2>, 3>{});
}

TEST_CASE("Eq 6, 7, 9, 10: the hinge between half squared distances") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx);
        loss.set_centres(plane_centres);
        loss.pass();
        CHECK(loss.losses() == Numbers{0.5, 0, 0.5});
        const auto saved = loss.saved();
        CHECK(std::vector<int>(saved.active.data(), saved.active.data() + 3) == std::vector<int>{1, 0, 1});
        CHECK(std::vector<int>(saved.nearest.data(), saved.nearest.data() + 3) == std::vector<int>{1, 2, 0});
        loss.poison_outputs();
        loss.forward_eval();
        CHECK(loss.losses() == Numbers{0.5, 0, 0.5});
    });
}

TEST_CASE("Eq 8: it is the nearness to the own centre that satisfies the constraint") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<1>, 2>;
        // On its own centre, far from the other: satisfied. On the other's centre: violated by margin +
        // distance.
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {.margin = 3}, {0, 10}, {0, 0});
        loss.set_centres({0, 10});
        loss.pass();
        CHECK(loss.losses() == Numbers{0, 53});
    });
}

TEST_CASE("Eq 11: the gradient runs from the own centre to the nearest other, for active samples alone") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx);
        loss.set_centres(plane_centres);
        loss.weigh({2, 5, 3});
        loss.pass();
        CHECK(loss.slopes() == Numbers{2 * 3, 0, 0, 0, 3 * -3, 0});
        loss.dx.fill(1);
        loss.backward(daf::accumulate(loss.dx_batch()));
        CHECK(loss.slopes() == Numbers{7, 1, 1, 1, -8, 1});
    });
}

TEST_CASE("Eq 12: sums over active samples, whatever their dy, and the step that they give") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx);
        loss.set_centres(plane_centres);
        loss.weigh({2, 5, 3});
        loss.pass();
        const auto sums = loss.gradients();
        CHECK(loss.values(sums.own_sum) == Numbers{1, 0, 2, 1, 0, 0});
        CHECK(loss.values(sums.own_count) == Numbers{1, 1, 0});
        CHECK(loss.values(sums.intruder_sum) == Numbers{2, 1, 1, 0, 0, 0});
        CHECK(loss.values(sums.intruder_count) == Numbers{1, 1, 0});
        CHECK(loss.values(sums.centres) == Numbers(6, 0));
        // c_0: (1,0)/2 - (2,1)/2 = (-1,-1)/2;  c_1: (-1,1)/2 - (-2,0)/2 = (1,1)/2;  c_2 is neither's.
        loss.update(0.5);
        CHECK(loss.centres() == Numbers{-0.25, -0.25, 3.25, 0.25, 0, 5});
    });
}

TEST_CASE("Eq 12 with several members: the counts divide, and alpha scales") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<1>, 2>;
        // All active (margin 100). c_0 = 1: own {2, 4, 9}, intruder {-4};  c_1 = 3: own {-4}, intruders {2,
        // 4, 9}.
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {.margin = 100}, {2, 4, -4, 9},
                                                                  {0, 0, 1, 0});
        loss.set_centres({1, 3});
        loss.pass();
        loss.update(0.1);
        CHECK(loss.slab[0] == doctest::Approx(1 + 0.1 * ((15.0 - 3) / 4 - (-4.0 - 1) / 2)).epsilon(1e-14));
        CHECK(loss.slab[1] == doctest::Approx(3 + 0.1 * ((-4.0 - 3) / 2 - (15.0 - 9) / 4)).epsilon(1e-14));
    });
}

TEST_CASE("the exact gradient of the centres, scaled by dy, leaves the sums of Eq 12 alone") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx, {.margin = 2, .centre_update = exact});
        loss.set_centres(plane_centres);
        loss.weigh({2, 5, 3});
        loss.pass();
        const auto gradients = loss.gradients();
        CHECK(loss.values(gradients.centres) == Numbers{-2 + 6, 3, 3 - 4, -3, 0, 0});
        CHECK(loss.values(gradients.own_sum) == Numbers(6, 0));
        CHECK(loss.values(gradients.intruder_sum) == Numbers(6, 0));
        CHECK(loss.values(gradients.own_count) == Numbers(3, 0));
        CHECK(loss.values(gradients.intruder_count) == Numbers(3, 0));
    });
}

TEST_CASE("a class absent from the batch moves by its intruders alone, or not at all") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<1>, 3>;
        // One sample of class 0, whose nearest other centre is that of class 2.
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {.margin = 1}, {1}, {0});
        loss.set_centres({0, 50, 2});
        loss.pass();
        CHECK(loss.losses() == Numbers{1});
        loss.update(1);
        CHECK(loss.centres() == Numbers{0.5, 50, 2 - (1.0 - 2) / 2});
    });
}

TEST_CASE("equally near centres: the first is the nearest, alone") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<1>, 4>;
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {.margin = 10}, {0, 0, 0}, {0, 1, 2});
        loss.set_centres({-1, 1, 1, -1});
        loss.pass();
        const auto nearest = loss.saved().nearest;
        CHECK(std::vector<int>(nearest.data(), nearest.data() + 3) == std::vector<int>{1, 0, 0});
        CHECK(loss.slopes() == Numbers{2, -2, -2});
        CHECK(loss.values(loss.gradients().intruder_count) == Numbers{2, 1, 0, 0});
    });
}

TEST_CASE("on the boundary a sample is not active") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<1>, 2>;
        using Case = LossCase<Op, std::remove_reference_t<decltype(ctx)>>;
        Case on(ctx, {.margin = 2}, {0}, {0});  // 0 + 2 - 4 / 2
        on.set_centres({0, 2});
        on.pass();
        CHECK(on.losses() == Numbers{0});
        CHECK(on.saved().active[0][0] == 0);
        CHECK(on.slopes() == Numbers{0});
        CHECK(on.values(on.gradients().own_count) == Numbers{0, 0});
        Case beyond(ctx, {.margin = 2}, {0x1p-20}, {0});
        beyond.set_centres({0, 2});
        beyond.pass();
        CHECK(beyond.saved().active[0][0] == 1);
        CHECK(beyond.slopes() == Numbers{2});
    });
}

TEST_CASE("where all samples are inactive there is no gradient and the centres stay") {
    on_each_backend([](auto& ctx) {
        for (const CentreUpdate how : {CentreUpdate::equation_12, exact}) {
            auto loss = plane(ctx, {.margin = -3, .centre_update = how});
            loss.set_centres(plane_centres);
            loss.pass();
            CHECK(loss.losses() == Numbers(3, 0));
            CHECK(loss.slopes() == Numbers(6, 0));
            CHECK(loss.gradient_slab.copy() ==
                  Numbers(static_cast<std::size_t>(loss.gradient_slab.size()), 0));
            if (how == exact) continue;
            loss.update(0.5);
            CHECK(loss.centres() == Numbers(plane_centres));
        }
    });
}

TEST_CASE("a distance has the same bits in whatever company it is taken") {
    const auto check = [](auto zero) {
        using T = decltype(zero);
        constexpr Index size = 70 * daf::cpu::lanes<T> + 3;  // blocks of sums, and single columns
        daf::RandomSequence random(daf::Stream{daf::Seed{6}});
        std::vector<T> a(4 * size), b(4 * size);
        for (T& v : a) v = static_cast<T>(random.normal());
        for (T& v : b) v = static_cast<T>(random.normal());
        double four_by_four[4][4], two_by_three[2][3];
        daf::cpu::half_squared_distances(a.data(), b.data(), size, four_by_four);
        daf::cpu::half_squared_distances(a.data(), b.data(), size, two_by_three);
        for (Index i = 0; i < 4; ++i) {
            for (Index j = 0; j < 4; ++j) {
                const double alone =
                    daf::cpu::half_squared_distance(a.data() + i * size, b.data() + j * size, size);
                CHECK(four_by_four[i][j] == alone);
                if (i < 2 && j < 3) CHECK(two_by_three[i][j] == alone);
            }
        }
    };
    check(0.0f);
    check(0.0);
}

TEST_CASE("embeddings far from the origin keep their digits in float") {
    on_each_backend([](auto& ctx) {
        using Op = TripletCentreLoss<Shape<2>, 2>;
        LossCase<Op, std::remove_reference_t<decltype(ctx)>, float> loss(ctx, {.margin = 1},
                                                                         {65536.25f, -65536}, {0});
        loss.set_centres({65536, -65536, 65536.5f, -65536.5f});
        loss.pass();
        CHECK(loss.y[0] == 0.03125f + 1 - 0.15625f);
    });
}

TEST_CASE("a NaN shows in the losses that it touches") {
    on_each_backend([](auto& ctx) {
        for (std::size_t centre = 0; centre < 3; ++centre) {
            auto loss = plane(ctx);
            loss.set_centres(plane_centres);
            loss.slab[static_cast<daf::Index>(2 * centre + 1)] = nan_value;
            loss.forward_train();
            for (daf::Index i = 0; i < 3; ++i) CHECK(std::isnan(loss.y[i]));
        }
        auto loss = plane(ctx);
        loss.set_centres(plane_centres);
        loss.x[1] = nan_value;
        loss.pass();
        CHECK(std::isnan(loss.y[0]));
        CHECK(loss.y[2] == 0.5);
        loss.update(0.5);  // the other samples' step
        for (const double c : loss.centres()) CHECK(std::isfinite(c));
    });
}

TEST_CASE("Triplet-Centre loss refuses a label that is no class") {
    on_each_backend([](auto& ctx) {
        auto loss = plane(ctx);
        loss.labels[2] = 3;
        CHECK(daf_test::message_of<daf::ArgumentError>([&] { loss.pass(); }) ==
              "triplet_centre_loss: label 3 of sample 2 is not a class: expected 0 to 2");
        loss.labels[2] = -1;
        CHECK(daf_test::message_of<daf::ArgumentError>([&] { loss.pass(); }) ==
              "triplet_centre_loss: label -1 of sample 2 is not a class: expected 0 to 2");
    });
}
