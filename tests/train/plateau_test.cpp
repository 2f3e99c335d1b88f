#include <doctest/doctest.h>

#include <cmath>
#include <daf/ops/optimizer.hpp>
#include <daf/train/plateau.hpp>

using daf::Plateau;

TEST_CASE("the rate drops by 0.2 after 13 epochs without a rise of 0.0005, and the best model is reloaded") {
    Plateau plateau{.rate = 1e-3};
    CHECK(plateau.observe(0.5).best);
    for (int epoch = 0; epoch < 12; ++epoch) {
        const auto verdict = plateau.observe(0.49);
        CHECK_FALSE(verdict.best);
        CHECK_FALSE(verdict.reload);
        CHECK(plateau.rate == 1e-3);
    }
    CHECK(plateau.observe(0.49).reload);
    CHECK(plateau.rate == doctest::Approx(2e-4));
    CHECK(plateau.waited == 0);
}

TEST_CASE("a rise below the threshold is the best model but does not reset the patience") {
    Plateau plateau{.rate = 1e-3};
    plateau.observe(0.5);
    for (int epoch = 1; epoch <= 12; ++epoch) {
        const auto verdict = plateau.observe(0.5 + 0.00003 * epoch);
        CHECK(verdict.best);
        CHECK_FALSE(verdict.reload);
    }
    // The thirteenth is the best one itself: the rate drops, but there is nothing better to go back to.
    const auto verdict = plateau.observe(0.5 + 0.00003 * 13);
    CHECK(verdict.best);
    CHECK_FALSE(verdict.reload);
    CHECK(plateau.rate == doctest::Approx(2e-4));
}

TEST_CASE("a rise of the threshold resets the patience") {
    Plateau plateau{.rate = 1e-3};
    plateau.observe(0.5);
    for (int epoch = 0; epoch < 12; ++epoch) plateau.observe(0.4);
    plateau.observe(0.501);
    for (int epoch = 0; epoch < 12; ++epoch) CHECK_FALSE(plateau.observe(0.4).reload);
    CHECK(plateau.observe(0.4).reload);
}

TEST_CASE("with a threshold of 0 an accuracy that stays the same is no rise") {
    Plateau plateau{.rate = 1e-3};
    plateau.rule.threshold = 0;
    plateau.observe(0.5);
    for (int epoch = 0; epoch < 12; ++epoch) CHECK_FALSE(plateau.observe(0.5).reload);
    CHECK(plateau.observe(0.5).reload);
    CHECK(plateau.rate == doctest::Approx(2e-4));
}

TEST_CASE("at the floor training goes on without drops or reloads") {
    Plateau plateau{.rate = 1e-3};
    plateau.rule.patience = 1;
    plateau.observe(0.5);
    for (const double rate : {2e-4, 4e-5, 1e-5}) {
        CHECK(plateau.observe(0.1).reload);
        CHECK(plateau.rate == doctest::Approx(rate));
    }
    for (int epoch = 0; epoch < 20; ++epoch) CHECK_FALSE(plateau.observe(0.1).reload);
    CHECK(plateau.rate == 1e-5);
}

TEST_CASE("a schedule that was never given the optimizer's rate says so, and never replaces it") {
    Plateau plateau;
    CHECK_THROWS_WITH_AS(plateau.observe(0.5),
                         "Plateau: rate must be the optimizer's, but is -1. Set it to "
                         "learning_rate(optimizer) before the first epoch.",
                         daf::ArgumentError);
    CHECK(plateau.best_accuracy == -1);
    daf::Optimizer optimizer = daf::Adam{.learning_rate = 3e-4};
    CHECK_THROWS_AS(daf::set_learning_rate(optimizer, plateau.rate), daf::ArgumentError);
    plateau.rate = daf::learning_rate(optimizer);
    CHECK(plateau.observe(0.5).best);
    CHECK(plateau.rate == 3e-4);
}

TEST_CASE("an accuracy that is none is refused, and the schedule stays as it was") {
    Plateau plateau{.rate = 1e-3};
    plateau.observe(0.25);
    for (const double accuracy : {std::nan(""), -0.1, 1.1, HUGE_VAL}) {
        CHECK_THROWS_AS(plateau.observe(accuracy), daf::ArgumentError);
    }
    CHECK_THROWS_WITH_AS(plateau.observe(50), "Plateau: accuracy must be in [0, 1], but is 50",
                         daf::ArgumentError);
    CHECK(plateau.best_accuracy == 0.25);
    CHECK(plateau.waited == 0);
    plateau.observe(0);
    CHECK(plateau.observe(1).best);
}

TEST_CASE("a rule that cannot be is refused where it is used") {
    const auto refused = [](daf::PlateauRule rule) {
        CHECK_THROWS_AS(rule.check(), daf::ArgumentError);
        Plateau plateau{.rule = rule, .rate = 1e-3};
        CHECK_THROWS_AS(plateau.observe(0.5), daf::ArgumentError);
        CHECK(plateau.rate == 1e-3);
    };
    for (const double factor : {3.0, 1.0, 0.0, -0.5, std::nan("")}) refused({.factor = factor});
    for (const int patience : {0, -1}) refused({.patience = patience});
    for (const double amount : {-1.0, std::nan(""), HUGE_VAL}) {
        refused({.threshold = amount});
        refused({.floor = amount});
    }
    CHECK_NOTHROW(daf::PlateauRule{}.check());
    CHECK_NOTHROW(daf::PlateauRule{.threshold = 0, .patience = 1, .floor = 0}.check());
    CHECK_THROWS_WITH_AS(daf::PlateauRule{.factor = 3}.check(),
                         "PlateauRule: factor must be above 0 and below 1, but is 3", daf::ArgumentError);
}
