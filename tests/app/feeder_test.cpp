// Batches prepared ahead: the same as prepared at need, in any number of threads, from any step on.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "data/data.hpp"
#include "data/feeder.hpp"
#include "support/allocations.hpp"

namespace {

using daf_cnn::Augmentation;
using daf_cnn::Dataset;
using daf_cnn::Feeder;

/// Images of 6 x 6 that differ, each with its number as label.
Dataset numbered(std::size_t count) {
    Dataset data;
    data.side = 6;
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t p = 0; p < data.image_bytes(); ++p)
            data.images.push_back(static_cast<std::uint8_t>((37 * i + 11 * p + p * p) % 256));
        data.labels.push_back(static_cast<std::int32_t>(i));
    }
    return data;
}

const Augmentation all{.flip = true, .rotate = 10, .zoom = 0.2, .shift = 0.1, .light = 0.2};

Feeder::Settings settings(const Augmentation& augmentation, daf::Index side = 12) {
    return {side, 5, daf::Seed{3}, augmentation};
}

struct Step {
    std::vector<float> images;
    std::vector<std::int32_t> labels;
    bool operator==(const Step&) const = default;
};

Step copy(const Feeder::Batch& batch) {
    return {{batch.images.begin(), batch.images.end()}, {batch.labels.begin(), batch.labels.end()}};
}

std::vector<Step> epoch_of(Feeder& feeder, int epoch, int first = 0) {
    std::vector<Step> steps;
    feeder.begin(epoch, first);
    for (int step = first; step < feeder.steps(); ++step) steps.push_back(copy(feeder.next()));
    return steps;
}

}  // namespace

TEST_CASE("feeder: an epoch's shuffled batches, each image by its own change") {
    daf::Cpu cpu(daf::Threads{2});
    const Dataset data = numbered(23);
    Feeder feeder(cpu, data, settings(all));
    CHECK(feeder.steps() == 4);
    for (const int epoch : {1, 2}) {
        const auto steps = epoch_of(feeder, epoch);
        const auto order = daf_cnn::epoch_order(daf::Seed{3}, epoch, 23);
        for (std::uint32_t position = 0; position < 20; ++position) {
            const Step& step = steps[position / 5];
            const std::uint32_t image = order[position];
            REQUIRE(step.labels[position % 5] == static_cast<std::int32_t>(image));
            std::vector<float> wanted(144);
            daf_cnn::to_changed_image(data.image(image), 6, wanted, 12,
                                      daf_cnn::drawn_change(all, daf::Seed{3}, epoch, position));
            CHECK(std::equal(wanted.begin(), wanted.end(), step.images.begin() + 144 * (position % 5)));
        }
    }
}

TEST_CASE("feeder: without augmentation, exactly the plain images") {
    daf::Cpu cpu(daf::Threads{2});
    const Dataset data = numbered(15);
    for (const daf::Index side : {6, 12}) {
        Feeder feeder(cpu, data, settings(Augmentation{}, side));
        daf_cnn::BatchBuffer plain(side, 5);
        const auto order = daf_cnn::epoch_order(daf::Seed{3}, 7, 15);
        const auto steps = epoch_of(feeder, 7);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            plain.fill(data, std::span(order).subspan(5 * i, 5));
            CHECK(std::ranges::equal(steps[i].images, plain.images()));
            CHECK(std::ranges::equal(steps[i].labels, plain.labels()));
        }
    }
}

TEST_CASE(
    "feeder: the same bits on any number of threads, while they work on something else, and from any step "
    "on") {
    const Dataset data = numbered(40);
    daf::Cpu one(daf::Threads{1});
    Feeder alone(one, data, settings(all));
    const auto wanted = epoch_of(alone, 4);
    REQUIRE(wanted.size() == 8);
    for (const int threads : {2, 3, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        Feeder feeder(cpu, data, settings(all));
        feeder.begin(4);
        for (const Step& step : wanted) {
            const auto batch = feeder.next();
            std::atomic<int> work{0};
            for (int round = 0; round < 20; ++round) cpu.parallel(4, [&](daf::Index) { ++work; });
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            CHECK(copy(batch) == step);  // still whole although the next one is being prepared
        }
        for (int first = 0; first < 8; ++first) {
            const auto rest = epoch_of(feeder, 4, first);
            CHECK(std::equal(rest.begin(), rest.end(), wanted.begin() + first, wanted.end()));
        }
        feeder.begin(1);
        feeder.next();
        CHECK(epoch_of(feeder, 4) == wanted);  // an epoch that was left in its middle leaves nothing behind
    }
}

TEST_CASE("feeder: idle threads have the next batch ready, so that nothing is left to wait for") {
    daf::Cpu cpu(daf::Threads{2});
    const Dataset data = numbered(40);
    Feeder feeder(cpu, data, settings(all, 200));  // large images: a batch takes milliseconds
    feeder.begin(1);
    const double cold = feeder.next().waited;
    double warm = 1;
    for (int step = 1; step < feeder.steps(); ++step) {
        std::this_thread::sleep_for(std::chrono::milliseconds(60));  // training, on another core
        warm = std::min(warm, feeder.next().waited);
    }
    CHECK(cold > 0);
    CHECK(warm < cold / 4);
}

TEST_CASE("feeder: a step allocates nothing, and one that is dropped with work pending is safe") {
    daf::Cpu cpu(daf::Threads{3});
    const Dataset data = numbered(40);
    Feeder feeder(cpu, data, settings(all));
    feeder.begin(1);
    feeder.next();
    const long before = daf_test::allocations();
    for (int step = 1; step < feeder.steps(); ++step) feeder.next();
    CHECK(daf_test::allocations() == before);
    for (int round = 0; round < 50; ++round) {
        Feeder dropped(cpu, data, settings(all, 100));
        dropped.begin(1);
        if (round % 2 == 0) dropped.next();
    }
}
