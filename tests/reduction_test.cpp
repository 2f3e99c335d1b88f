#include <daf/cpu/reduction.hpp>
#include <daf/reference/reduction.hpp>
#include <numeric>

#include "support/losses.hpp"

using daf::Reduction;
using One = daf::Shape<1>;
using daf_test::on_each_backend;

TEST_CASE("the losses of a batch become their sum or their mean") {
    on_each_backend([](auto& ctx) {
        const std::vector<double> y{1, 2, 4.5};
        CHECK(daf::reduce(ctx, Reduction::sum, daf::batch_of<One>(y)) == 7.5);
        CHECK(daf::reduce(ctx, Reduction::mean, daf::batch_of<One>(y)) == 2.5);
        double total = -1;
        daf::reduce(ctx, Reduction::mean, daf::batch_of<One>(y), daf::View<One, double>(&total));
        CHECK(total == 2.5);
    });
}

TEST_CASE("floats are added in double") {
    on_each_backend([](auto& ctx) {
        std::vector<float> y(100000, 0.1f);
        y[0] = 1e8f;
        CHECK(daf::reduce(ctx, Reduction::sum, daf::batch_of<One>(y)) ==
              doctest::Approx(1e8 + 99999 * static_cast<double>(0.1f)).epsilon(1e-11));
    });
}

TEST_CASE("the weights are the derivative of the reduced loss") {
    on_each_backend([](auto& ctx) {
        std::vector<float> dy(4, -1);
        daf::fill_weights(ctx, Reduction::sum, daf::batch_of<One>(dy));
        CHECK(dy == std::vector<float>(4, 1));
        daf::fill_weights(ctx, Reduction::mean, daf::batch_of<One>(dy));
        CHECK(dy == std::vector<float>(4, 0.25f));
        daf::fill_weights(ctx, Reduction::sum, daf::batch_of<One>(dy), 0.007);
        CHECK(dy == std::vector<float>(4, 0.007f));
        daf::fill_weights(ctx, Reduction::mean, daf::batch_of<One>(dy), 8);
        CHECK(dy == std::vector<float>(4, 2));
    });
}

TEST_CASE("a NaN shows in the reduced loss") {
    on_each_backend([](auto& ctx) {
        const std::vector<float> y{1, std::numeric_limits<float>::quiet_NaN()};
        CHECK(std::isnan(daf::reduce(ctx, Reduction::sum, daf::batch_of<One>(y))));
    });
}

TEST_CASE("reductions refuse what holds nothing") {
    on_each_backend([](auto& ctx) {
        const auto message = [](auto&& call) { return daf_test::message_of<daf::ArgumentError>(call); };
        float one = 0;
        const daf::Batch<One, float> empty(&one, 0), missing(nullptr, 2), whole(&one, 1);
        CHECK(message([&] { daf::reduce(ctx, Reduction::sum, empty); }) ==
              "reduction: the batch is empty: expected at least one loss");
        CHECK(message([&] { daf::reduce(ctx, Reduction::sum, missing); }) ==
              "reduction: y is null: give it memory");
        CHECK(message([&] { daf::reduce(ctx, Reduction::sum, whole, daf::View<One, double>()); }) ==
              "reduction: total is null: give it memory");
        CHECK(message([&] { daf::fill_weights(ctx, Reduction::mean, empty); }) ==
              "reduction: the batch is empty: expected at least one weight");
        CHECK(message([&] { daf::fill_weights(ctx, Reduction::mean, missing); }) ==
              "reduction: dy is null: give it memory");
    });
}
