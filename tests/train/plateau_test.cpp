#include <doctest/doctest.h>

#include <daf/train/plateau.hpp>

using daf::Plateau;

TEST_CASE("the rate drops by 0.2 after 13 epochs without a rise of 0.0005, and the best model is reloaded") {
    Plateau plateau;
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
    Plateau plateau;
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
    Plateau plateau;
    plateau.observe(0.5);
    for (int epoch = 0; epoch < 12; ++epoch) plateau.observe(0.4);
    plateau.observe(0.501);
    for (int epoch = 0; epoch < 12; ++epoch) CHECK_FALSE(plateau.observe(0.4).reload);
    CHECK(plateau.observe(0.4).reload);
}

TEST_CASE("with a threshold of 0 an accuracy that stays the same is no rise") {
    Plateau plateau;
    plateau.rule.threshold = 0;
    plateau.observe(0.5);
    for (int epoch = 0; epoch < 12; ++epoch) CHECK_FALSE(plateau.observe(0.5).reload);
    CHECK(plateau.observe(0.5).reload);
    CHECK(plateau.rate == doctest::Approx(2e-4));
}

TEST_CASE("at the floor training goes on without drops or reloads") {
    Plateau plateau;
    plateau.rule.patience = 1;
    plateau.observe(0.5);
    for (const double rate : {2e-4, 4e-5, 1e-5}) {
        CHECK(plateau.observe(0.1).reload);
        CHECK(plateau.rate == doctest::Approx(rate));
    }
    for (int epoch = 0; epoch < 20; ++epoch) CHECK_FALSE(plateau.observe(0.1).reload);
    CHECK(plateau.rate == 1e-5);
}
