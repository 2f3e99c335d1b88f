// From a data set to the numbers that a network reads: shuffling, scaling, enlarging.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "data/data.hpp"

namespace {

using daf_cnn::Dataset;
using daf_cnn::epoch_order;
using daf_cnn::Split;
using daf_cnn::to_unit_image;

std::vector<float> enlarged(const std::vector<std::uint8_t>& from, std::size_t from_side,
                            std::size_t to_side) {
    std::vector<float> to(to_side * to_side, -1.0f);
    to_unit_image(from, from_side, to, to_side);
    return to;
}

}  // namespace

TEST_CASE("data: an epoch's order holds every image once, and depends on seed and epoch alone") {
    const auto order = epoch_order(daf::Seed{3}, 1, 1000);
    auto sorted = order;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::uint32_t> all(1000);
    std::iota(all.begin(), all.end(), 0u);
    CHECK(sorted == all);
    CHECK(order != all);
    CHECK(order == epoch_order(daf::Seed{3}, 1, 1000));
    CHECK(order != epoch_order(daf::Seed{3}, 2, 1000));
    CHECK(order != epoch_order(daf::Seed{4}, 1, 1000));
    CHECK(epoch_order(daf::Seed{3}, 1, 1) == std::vector<std::uint32_t>{0});
}

TEST_CASE("data: every place of a shuffle sees every image about equally often") {
    constexpr std::uint32_t images = 5;
    constexpr int epochs = 5000;
    std::array<std::array<int, images>, images> seen{};
    for (int epoch = 1; epoch <= epochs; ++epoch) {
        const auto order = epoch_order(daf::Seed{1}, epoch, images);
        for (std::size_t place = 0; place < images; ++place) ++seen[place][order[place]];
    }
    for (const auto& place : seen) {  // 1000 expected, with a deviation of 28
        for (const int count : place) CHECK(std::abs(count - 1000) < 150);
    }
}

TEST_CASE("data: grey values become numbers from 0 to 1") {
    CHECK(enlarged({0, 51, 204, 255}, 2, 2) == std::vector<float>{0.0f, 0.2f, 0.8f, 1.0f});
}

TEST_CASE("data: bilinear enlargement, by hand") {
    // 0 and 200 beside each other: centres at 0.25 and 0.75, edges repeated.
    const auto wide = enlarged({0, 200, 0, 200}, 2, 4);
    for (std::size_t y = 0; y < 4; ++y) {
        CHECK(wide[4 * y + 0] == doctest::Approx(0));
        CHECK(wide[4 * y + 1] == doctest::Approx(50 / 255.0));
        CHECK(wide[4 * y + 2] == doctest::Approx(150 / 255.0));
        CHECK(wide[4 * y + 3] == doctest::Approx(200 / 255.0));
    }
    // The four corners of a 2x2 image mix by 9, 3, 3, 1 sixteenths.
    const auto mixed = enlarged({16, 32, 64, 128}, 2, 4);
    CHECK(mixed[5] == doctest::Approx((9 * 16 + 3 * 32 + 3 * 64 + 1 * 128) / 16.0 / 255.0));
    CHECK(mixed[0] == doctest::Approx(16 / 255.0));
    CHECK(mixed[15] == doctest::Approx(128 / 255.0));
    // A slope stays a slope away from the edges.
    std::vector<std::uint8_t> slope(48 * 48);
    for (std::size_t p = 0; p < slope.size(); ++p)
        slope[p] = static_cast<std::uint8_t>(4 * (p % 48) + p / 48);
    const auto large = enlarged(slope, 48, 96);
    for (std::size_t y = 1; y < 95; ++y) {
        for (std::size_t x = 1; x < 95; ++x) {
            const double expected =
                4 * ((static_cast<double>(x) + 0.5) / 2 - 0.5) + (static_cast<double>(y) + 0.5) / 2 - 0.5;
            REQUIRE(large[y * 96 + x] == doctest::Approx(expected / 255).epsilon(1e-5));
        }
    }
}

TEST_CASE("data: a batch holds the images asked for, in that order") {
    Dataset data;
    data.side = 2;
    for (std::uint8_t i = 0; i < 5; ++i) {
        for (std::uint8_t p = 0; p < 4; ++p) data.images.push_back(static_cast<std::uint8_t>(10 * i + p));
        data.labels.push_back(i);
    }
    daf_cnn::BatchBuffer batch(2, 3);
    const std::vector<std::uint32_t> three{4, 0, 2}, one{3};
    batch.fill(data, three);
    CHECK(std::vector<std::int32_t>(batch.labels().begin(), batch.labels().end()) ==
          std::vector<std::int32_t>{4, 0, 2});
    REQUIRE(batch.images().size() == 12);
    CHECK(batch.images()[0] == 40.0f / 255.0f);
    CHECK(batch.images()[7] == 3.0f / 255.0f);
    CHECK(batch.images()[11] == 23.0f / 255.0f);
    batch.fill(data, one);
    CHECK(batch.labels().size() == 1);
    REQUIRE(batch.images().size() == 4);
    CHECK(batch.images()[3] == 33.0f / 255.0f);
}

TEST_CASE("data: generated splits are those of the faces, whatever the threads and the limit") {
    daf::Cpu one(daf::Threads{1}), three(daf::Threads{3});
    const auto load = [](daf::Cpu& cpu, std::uint32_t limit, int side) {
        daf_cnn::DataSource source;
        source.limit = limit;
        return daf_cnn::load_data(cpu, source, side, {Split::train, Split::test});
    };
    const auto a = load(one, 20, 48), b = load(three, 20, 48);
    CHECK(a.train.size() == 20);
    CHECK(a.test.size() == 20);
    CHECK(a.validation.size() == 0);
    CHECK((a.train.images == b.train.images));
    CHECK(a.train.labels == b.train.labels);
    CHECK((a.train.images != a.test.images));
    const auto fewer = load(one, 5, 48);
    CHECK(std::equal(fewer.train.images.begin(), fewer.train.images.end(), a.train.images.begin()));
    CHECK(load(one, 2, 96).train.images.size() == 2 * 96 * 96);
    CHECK(daf_cnn::generated_count(Split::train, std::nullopt) == 7000);
    CHECK(daf_cnn::generated_count(Split::validation, std::nullopt) == 1400);
}
