#include <daf/cpu/counting.hpp>
#include <daf/reference/counting.hpp>
#include <limits>

#include "support/losses.hpp"

using daf::batch_of;
using daf::Index;
using daf::Shape;
using daf_test::on_each_backend;

namespace {

/// One count in memory that starts with something else.
struct Counted {
    Index value = -7;
    daf::View<Shape<1>, Index> into() { return daf::View<Shape<1>, Index>(&value); }
};

}  // namespace

TEST_CASE("losses above zero are counted; zeros and NaNs are none") {
    const std::vector<double> losses{0, 1e-300, -1, 3, std::numeric_limits<double>::quiet_NaN()};
    on_each_backend([&](auto& ctx) {
        Counted counted;
        daf::count_positive(ctx, batch_of<Shape<1>>(losses), counted.into());
        CHECK(counted.value == 2);
    });
}

TEST_CASE("a sample counts whose label has the largest score, the first of equals") {
    const std::vector<float> scores{1, 2, 0, /**/ 3, 3, 1, /**/ 3, 3, 1, /**/ 0, -1, -2};
    const std::vector<std::int32_t> labels{1, 0, 1, 2};
    on_each_backend([&](auto& ctx) {
        Counted counted;
        daf::count_largest(ctx, batch_of<Shape<3>>(scores), daf::labels_of(labels), counted.into());
        CHECK(counted.value == 2);
    });
}

TEST_CASE("a sample counts whose label's centre is the nearest, the first of equals") {
    const std::vector<float> centres{0, 0, /**/ 4, 0, /**/ 0, 4};
    const std::vector<float> x{1, 0, /**/ 2, 0, /**/ 2, 0, /**/ 1, 4};
    const std::vector<std::int32_t> labels{0, 0, 1, 2};
    on_each_backend([&](auto& ctx) {
        Counted counted;
        daf::count_nearest(ctx, batch_of<Shape<2>>(x), daf::View<Shape<3, 2>, const float>(centres.data()),
                           daf::labels_of(labels), counted.into());
        CHECK(counted.value == 3);
    });
}

TEST_CASE("a sample with a score or a coordinate that is not a number counts for no class") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> scores{nan, 2, 0, /**/ 1, nan, 0, /**/ nan, nan, nan, /**/ 1, 0, 0};
    const std::vector<float> x{nan, 0, 0, /**/ 0, nan, 0, /**/ 0, 0, 1, /**/ 0, 0, 0};
    const std::vector<float> centres{0, 0, 0, /**/ nan, 0, 0}, apart{0, 0, 0, /**/ 4, 0, 0};
    const std::vector<std::int32_t> labels{0, 0, 0, 0};
    on_each_backend([&](auto& ctx) {
        Counted counted;
        daf::count_largest(ctx, batch_of<Shape<3>>(scores), daf::labels_of(labels), counted.into());
        CHECK(counted.value == 1);
        const auto nearest = [&](const std::vector<float>& of) {
            daf::count_nearest(ctx, batch_of<Shape<3>>(x), daf::View<Shape<2, 3>, const float>(of.data()),
                               daf::labels_of(labels), counted.into());
            return counted.value;
        };
        CHECK(nearest(apart) == 2);
        CHECK(nearest(centres) == 0);
    });
}

TEST_CASE("a label outside the classes counts for none") {
    const std::vector<float> scores{1, 0, /**/ 0, 1};
    const std::vector<std::int32_t> labels{-1, 2};
    on_each_backend([&](auto& ctx) {
        Counted counted;
        daf::count_largest(ctx, batch_of<Shape<2>>(scores), daf::labels_of(labels), counted.into());
        CHECK(counted.value == 0);
    });
}

TEST_CASE("what cannot be counted is refused, by name") {
    const std::vector<float> scores(6);
    const std::vector<std::int32_t> labels(3);
    const auto message = [](auto&& call) { return daf_test::message_of<daf::ArgumentError>(call); };
    on_each_backend([&](auto& ctx) {
        Counted counted;
        const auto x = batch_of<Shape<3>>(scores);
        CHECK(message([&] { daf::count_positive(ctx, daf::Batch<Shape<1>, float>{}, counted.into()); }) ==
              "counting: the batch is empty: expected at least one sample");
        CHECK(message([&] { daf::count_largest(ctx, x, daf::labels_of(labels), counted.into()); }) ==
              "counting: labels must hold 2 images as x does, but holds 3");
        CHECK(message([&] {
                  daf::count_largest(ctx, x, daf::labels_of(labels), daf::View<Shape<1>, Index>());
              }) == "counting: into is null: give it memory");
        CHECK(message([&] {
                  daf::count_nearest(ctx, x, daf::View<Shape<2, 3>, float>(), daf::labels_of(labels),
                                     counted.into());
              }) == "counting: the centres are null: bind them");
    });
}

TEST_CASE("the largest of a row is the first of equals, and of a row with a NaN none") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> scores{1, 3, 3, 0};
    CHECK(daf::largest_of(scores.data(), 4) == 1);
    CHECK(daf::largest_of(scores.data(), 1) == 0);
    CHECK(daf::largest_of(scores.data(), 0) == -1);
    const std::vector<float> ends{-infinity, 2, infinity};
    CHECK(daf::largest_of(ends.data(), 3) == 2);
    for (std::size_t at = 0; at < scores.size(); ++at) {
        CAPTURE(at);
        std::vector<float> spoiled = scores;
        spoiled[at] = nan;
        CHECK(daf::largest_of(spoiled.data(), 4) == -1);
    }
    const std::vector<double> all(3, std::numeric_limits<double>::quiet_NaN());
    CHECK(daf::largest_of(all.data(), 3) == -1);
    const daf::bf16 narrow[] = {daf::bf16(1.0F), daf::bf16(2.0F), daf::bf16(nan)};
    CHECK(daf::largest_of(narrow, 2) == 1);
    CHECK(daf::largest_of(narrow, 3) == -1);
}
