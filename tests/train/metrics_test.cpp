#include <doctest/doctest.h>

#include <daf/ops/counting.hpp>
#include <daf/train/metrics.hpp>

TEST_CASE("a confusion matrix counts, and answers for classes without samples") {
    daf::ConfusionMatrix m(3);
    CHECK(std::isnan(m.accuracy()));
    m.add(0, 0);
    m.add(0, 0);
    m.add(0, 2);
    m.add(2, 1);
    CHECK(m.total() == 4);
    CHECK(m.correct() == 2);
    CHECK(m.count(0, 2) == 1);
    CHECK(m.row(0) == 3);
    CHECK(m.accuracy() == doctest::Approx(0.5));
    CHECK(m.recall(0) == doctest::Approx(2.0 / 3));
    CHECK(std::isnan(m.recall(1)));
    CHECK(m.recall(2) == 0);
    CHECK(m.balanced_accuracy() == doctest::Approx(1.0 / 3));
    CHECK_THROWS_WITH_AS(
        m.add(3, 0),
        "ConfusionMatrix: classes are 0 to 2, a prediction may be -1 for none, got label 3, prediction 0",
        daf::ArgumentError);
    CHECK_THROWS_WITH_AS(daf::ConfusionMatrix(-3), "ConfusionMatrix: expected at least one class, got -3",
                         daf::ArgumentError);
}

TEST_CASE("a sample without a prediction is one of its class that was not recognised") {
    daf::ConfusionMatrix m(2), same(2);
    m.add(0, 0);
    m.add(0, -1);  // what largest_of makes of a row with a NaN
    CHECK(m.total() == 2);
    CHECK(m.row(0) == 2);
    CHECK(m.without_prediction(0) == 1);
    CHECK(m.without_prediction(1) == 0);
    CHECK(m.count(0, 0) + m.count(0, 1) == 1);
    CHECK(m.correct() == 1);
    CHECK(m.accuracy() == doctest::Approx(0.5));
    CHECK(m.recall(0) == doctest::Approx(0.5));
    same.add(0, 0);
    CHECK_FALSE(m == same);
    same.add(0, -1);
    CHECK(m == same);
    CHECK_THROWS_AS(m.add(0, -2), daf::ArgumentError);
    CHECK_THROWS_AS(m.add(-1, -1), daf::ArgumentError);
    CHECK_THROWS_AS(m.add(2, -1), daf::ArgumentError);

    // A network that has diverged is right about nothing.
    daf::ConfusionMatrix diverged(2);
    const double row[] = {std::nan(""), std::nan("")};
    for (int i = 0; i < 3; ++i) diverged.add(0, daf::largest_of(row, 2));
    CHECK(diverged.accuracy() == 0);
}

TEST_CASE("the mean length of centres by hand") {
    const double centres[] = {3, 4, 0, 5};
    CHECK(daf::mean_centre_norm(daf::View<daf::Shape<2, 2>, const double>(centres)) == doctest::Approx(5));
}
