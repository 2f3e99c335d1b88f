// Augmentation on Reference and on the Cpu. Each change by hand is in app/augmentation_test.cpp.
#include <doctest/doctest.h>

#include <bit>
#include <daf/cpu/augmentation.hpp>
#include <daf/reference/augmentation.hpp>

#include "support/pictures.hpp"
#include "support/scratch_folder.hpp"

using daf_test::augmented;
using daf_test::every_change;
using daf_test::Index;

TEST_CASE("augmentation gives the same bits on Reference and on any number of threads") {
    daf::Reference reference;
    for (const auto& pictures : daf_test::picture_cases()) {
        const auto want = augmented<float>(reference, pictures, every_change());
        const auto in_double = augmented<double>(reference, pictures, every_change());
        CHECK(std::vector<double>(want.begin(), want.end()) == in_double);
        for (const int threads : {1, 2, 3, 8}) {
            daf::Cpu cpu(daf::Threads{threads});
            CHECK(augmented<float>(cpu, pictures, every_change()) == want);
        }
    }
}

TEST_CASE("augmentation gives the same bits whatever the compiler and the processor") {
    daf::Reference reference;
    std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
    for (const auto& pictures : daf_test::picture_cases()) {
        for (const float value : augmented<float>(reference, pictures, every_change())) {
            hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001B3u;
        }
    }
    CHECK(hash == 9609593533694423140u);
}

TEST_CASE("augmentation without a limit gives the pictures that were chosen") {
    daf::Cpu cpu(daf::Threads{2});
    const auto bytes = daf_test::pictures(3, 6);
    const auto images = augmented<float>(cpu, {3, 6, 6, {2, 0}}, {});
    for (std::size_t i = 0; i < images.size(); ++i) {
        const std::size_t picture = i < 36 ? 2 : 0;
        CHECK(std::abs(255 * images[i] - static_cast<float>(bytes[picture * 36 + i % 36])) < 1e-4f);
    }
}

TEST_CASE("augmentation draws anew at each position, step and layer") {
    const auto same = [](const daf::Stream& stream, std::uint32_t position) {
        const auto a = daf::drawn_change(every_change(), {daf::Seed{9}, 4, 7}, 1000),
                   b = daf::drawn_change(every_change(), stream, position);
        return a.angle == b.angle && a.shift_x == b.shift_x;
    };
    CHECK(same({daf::Seed{9}, 4, 7}, 1000));
    CHECK_FALSE(same({daf::Seed{9}, 4, 7}, 1001));
    CHECK_FALSE(same({daf::Seed{9}, 5, 7}, 1000));
    CHECK_FALSE(same({daf::Seed{9}, 4, 8}, 1000));
    CHECK_FALSE(same({daf::Seed{8}, 4, 7}, 1000));
}

TEST_CASE("the cosines and sines of augmentation are right to 1e-15") {
    for (int i = -1000; i <= 1000; ++i) {
        const double angle = std::numbers::pi * i / 1000;
        const daf::detail::Turned turned(angle);
        CHECK(std::abs(turned.cosine - std::cos(angle)) < 4e-15);
        CHECK(std::abs(turned.sine - std::sin(angle)) < 4e-15);
    }
}

TEST_CASE("augmentation says what is wrong with a call") {
    daf::Reference reference;
    const auto message = [&](auto spoil) {
        const std::vector<std::uint8_t> bytes(4);
        std::vector<float> images(4);
        daf::AugmentCall<float> call;
        call.pictures = bytes.data();
        call.images = images.data();
        call.from_side = call.to_side = 2;
        call.count = 1;
        spoil(call);
        return daf_test::message_of<daf::ArgumentError>([&] { daf::augment(reference, call); });
    };
    using Call = daf::AugmentCall<float>;
    CHECK(message([](Call& c) { c.pictures = nullptr; }) ==
          "augmentation: pictures or images are null: give them memory");
    CHECK(message([](Call& c) { c.images = nullptr; }) ==
          "augmentation: pictures or images are null: give them memory");
    for (const auto member : {&Call::from_side, &Call::to_side, &Call::count}) {
        CHECK(message([&](Call& c) { c.*member = 0; }) ==
              "augmentation: expected sides and a count of at least 1");
    }
    const std::string limits =
        "augmentation: expected finite limits of 0 or more, rotate at most 180 and zoom less than 1";
    CHECK(message([](Call& c) { c.limits.rotate = 181; }) == limits);
    CHECK(message([](Call& c) { c.limits.zoom = 1; }) == limits);
    CHECK(message([](Call& c) { c.limits.light = -0.1; }) == limits);
    CHECK(message([](Call& c) { c.limits.shift = std::nan(""); }) == limits);
    CHECK(message([](Call& c) { c.limits.shift = HUGE_VAL; }) == limits);
    CHECK(message([](Call& c) { c.limits.light = HUGE_VAL; }) == limits);
}
