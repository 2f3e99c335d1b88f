// Augmentation: each change by hand, and how changes are drawn.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "data/augmentation.hpp"
#include "data/data.hpp"

namespace {

using daf_cnn::Augmentation;
using daf_cnn::Change;
using daf_cnn::drawn_change;

using Pixels = std::vector<std::uint8_t>;

/// The changed image, back in grey values from 0 to 255.
std::vector<double> changed(const Pixels& from, std::size_t from_side, std::size_t to_side,
                            const Change& change) {
    std::vector<float> to(to_side * to_side, -1.0f);
    daf_cnn::to_changed_image(from, from_side, to, to_side, change);
    std::vector<double> greys;
    for (const float value : to) greys.push_back(255.0 * static_cast<double>(value));
    return greys;
}

void check_close(const std::vector<double>& got, const std::vector<double>& wanted) {
    REQUIRE(got.size() == wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(got[i] - wanted[i]) < 1e-3);
    }
}

const Pixels nine{10, 20, 30,  //
                  40, 50, 60,  //
                  70, 80, 90};

Change flipped() {
    Change change;
    change.flipped = true;
    return change;
}
Change turned(double degrees) {
    Change change;
    change.angle = degrees * std::numbers::pi / 180;
    return change;
}
Change scaled(double scale) {
    Change change;
    change.scale = scale;
    return change;
}
Change shifted(double x, double y) {
    Change change;
    change.shift_x = x;
    change.shift_y = y;
    return change;
}
Change lit(float brightness, float contrast) {
    Change change;
    change.brightness = brightness;
    change.contrast = contrast;
    return change;
}

Augmentation everything() {
    return {.flip = true, .rotate = 10, .zoom = 0.2, .shift = 0.1, .light = 0.2};
}

}  // namespace

TEST_CASE("augmentation: a flip mirrors left to right") {
    check_close(changed(nine, 3, 3, flipped()), {30, 20, 10, 60, 50, 40, 90, 80, 70});
}

TEST_CASE("augmentation: a shift by one pixel moves the picture right and down, and repeats the edges") {
    check_close(changed(nine, 3, 3, shifted(1 / 3.0, 0)), {10, 10, 20, 40, 40, 50, 70, 70, 80});
    check_close(changed(nine, 3, 3, shifted(0, 1 / 3.0)), {10, 20, 30, 10, 20, 30, 40, 50, 60});
    check_close(changed(nine, 3, 3, shifted(-1 / 6.0, 0)), {15, 25, 30, 45, 55, 60, 75, 85, 90});
}

TEST_CASE("augmentation: quarter turns about the centre, clockwise") {
    check_close(changed(nine, 3, 3, turned(90)), {70, 40, 10, 80, 50, 20, 90, 60, 30});
    check_close(changed(nine, 3, 3, turned(180)), {90, 80, 70, 60, 50, 40, 30, 20, 10});
    check_close(changed({1, 2, 3, 4}, 2, 2, turned(90)), {3, 1, 4, 2});
    // By 45 degrees a corner of the new image shows what lies sqrt(2) left of, above ... the centre: an
    // edge's middle.
    const auto half = changed(nine, 3, 3, turned(45));
    CHECK(half[0] == doctest::Approx(40));
    CHECK(half[2] == doctest::Approx(20));
    CHECK(half[4] == doctest::Approx(50));
    CHECK(half[8] == doctest::Approx(60));
}

TEST_CASE("augmentation: scale 2 shows the middle half, scale 1/2 shrinks the picture into its edges") {
    // New pixels stand at -1, 0, 1 pixels from the centre, and show what stands at -1/2, 0, 1/2.
    check_close(changed(nine, 3, 3, scaled(2)), {30, 35, 40, 45, 50, 55, 60, 65, 70});
    const Pixels four{0, 0,  0,   0, 0, 40, 80, 0,  //
                      0, 80, 120, 0, 0, 0,  0,  0};
    // Columns 0 and 3 show what stands at -1.5 and 4.5, the edge; 1 and 2 the halves between columns
    // 0 1 and 2 3.
    const auto small = changed(four, 4, 4, scaled(0.5));
    for (const std::size_t edge : {0u, 1u, 2u, 3u, 4u, 7u, 8u, 11u, 12u, 13u, 14u, 15u})
        CHECK(small[edge] == 0);
    CHECK(small[5] == doctest::Approx(40 / 4.0));
    CHECK(small[10] == doctest::Approx(120 / 4.0));
}

TEST_CASE("augmentation: flip first, then scale and turn, then shift") {
    Change change = turned(90);
    change.flipped = true;
    change.shift_x = 1 / 3.0;
    // Mirrored: 30 20 10 / 60 50 40 / 90 80 70; turned: 90 60 30 / 80 50 20 / 70 40 10; shifted to the right.
    check_close(changed(nine, 3, 3, change), {90, 90, 60, 80, 80, 50, 70, 70, 40});
}

TEST_CASE("augmentation: contrast about the middle grey, then brightness, cut off at black and white") {
    check_close(changed({0, 51, 204, 255}, 2, 2, lit(0, 0.5f)), {63.75, 89.25, 165.75, 191.25});
    check_close(changed({0, 51, 204, 255}, 2, 2, lit(0.2f, 1)), {51, 102, 255, 255});
    check_close(changed({0, 51, 204, 255}, 2, 2, lit(-0.2f, 1)), {0, 0, 153, 204});
    check_close(changed({0, 51, 204, 255}, 2, 2, lit(0.1f, 2)), {0, 0, 255, 255});
}

TEST_CASE("augmentation: enlarging without a change is the plain enlargement") {
    Pixels picture(48 * 48);
    for (std::size_t i = 0; i < picture.size(); ++i)
        picture[i] = static_cast<std::uint8_t>((i * i + 7 * i) % 251);
    for (const std::size_t side : {48u, 96u, 30u}) {
        std::vector<float> plain(side * side), same(side * side);
        daf_cnn::to_unit_image(picture, 48, plain, side);
        daf_cnn::to_changed_image(picture, 48, same, side, Change{});
        for (std::size_t i = 0; i < plain.size(); ++i) REQUIRE(std::abs(plain[i] - same[i]) < 1e-5f);
    }
}

TEST_CASE("augmentation: a pixel's shift is one of the dataset's image, whatever the network's side") {
    Pixels picture(48 * 48);
    for (std::size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<std::uint8_t>(5 * (i % 48));
    const auto larger = changed(picture, 48, 96, shifted(1 / 48.0, 0));
    CHECK(larger[50 * 96 + 40] == doctest::Approx(5 * ((40.5 / 2 - 0.5) - 1)));
}

TEST_CASE("augmentation: changes are spread evenly between their limits") {
    constexpr std::uint32_t count = 20000;
    const Augmentation limits = everything();
    struct Figure {
        double low = 1e9, high = -1e9, sum = 0, squares = 0;
        void add(double value) {
            low = std::min(low, value);
            high = std::max(high, value);
            sum += value;
            squares += value * value;
        }
    };
    Figure angle, scale, x, y, brightness, contrast;
    double flips = 0, x_by_y = 0, angle_by_scale = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Change change = drawn_change(limits, daf::Seed{5}, 3, i);
        flips += change.flipped;
        angle.add(change.angle * 180 / std::numbers::pi / limits.rotate);
        scale.add((change.scale - 1) / limits.zoom);
        x.add(change.shift_x / limits.shift);
        y.add(change.shift_y / limits.shift);
        brightness.add(static_cast<double>(change.brightness) / limits.light);
        contrast.add((static_cast<double>(change.contrast) - 1) / limits.light);
        x_by_y += change.shift_x * change.shift_y / limits.shift / limits.shift;
        angle_by_scale += change.angle * (change.scale - 1);
    }
    CHECK(std::abs(flips / count - 0.5) < 0.015);
    for (const Figure& figure : {angle, scale, x, y, brightness, contrast}) {
        // Of a uniform number between -1 and 1: mean 0, variance 1/3; deviations of the means about 0.004.
        CHECK(figure.low >= -1.000001);
        CHECK(figure.low < -0.999);
        CHECK(figure.high <= 1.000001);
        CHECK(figure.high > 0.999);
        CHECK(std::abs(figure.sum / count) < 0.017);
        CHECK(std::abs(figure.squares / count - 1.0 / 3) < 0.01);
    }
    CHECK(std::abs(x_by_y / count) < 0.01);
    CHECK(std::abs(angle_by_scale / count) < 0.01 * 0.2 * 0.175);
}

TEST_CASE("augmentation: what is off stays as it is, and the others do not notice") {
    for (std::uint32_t i = 0; i < 50; ++i) {
        const Change all = drawn_change(everything(), daf::Seed{5}, 3, i);
        const auto same = [](const Change& a, const Change& b) {
            return a.flipped == b.flipped && a.angle == b.angle && a.scale == b.scale &&
                   a.shift_x == b.shift_x && a.shift_y == b.shift_y && a.brightness == b.brightness &&
                   a.contrast == b.contrast;
        };
        const auto without = [&](auto switch_off, auto undo) {
            Augmentation limits = everything();
            switch_off(limits);
            Change wanted = all;
            undo(wanted);
            CHECK(same(drawn_change(limits, daf::Seed{5}, 3, i), wanted));
        };
        without([](Augmentation& l) { l.flip = false; }, [](Change& c) { c.flipped = false; });
        without([](Augmentation& l) { l.rotate = 0; }, [](Change& c) { c.angle = 0; });
        without([](Augmentation& l) { l.zoom = 0; }, [](Change& c) { c.scale = 1; });
        without([](Augmentation& l) { l.shift = 0; }, [](Change& c) { c.shift_x = c.shift_y = 0; });
        without([](Augmentation& l) { l.light = 0; }, [](Change& c) { c.brightness = 0, c.contrast = 1; });
        CHECK(same(drawn_change(Augmentation{}, daf::Seed{5}, 3, i), Change{}));
        // Another epoch, position or seed draws another change.
        CHECK_FALSE(same(drawn_change(everything(), daf::Seed{5}, 4, i), all));
        CHECK_FALSE(same(drawn_change(everything(), daf::Seed{5}, 3, i + 50), all));
        CHECK_FALSE(same(drawn_change(everything(), daf::Seed{6}, 3, i), all));
    }
    CHECK_FALSE(Augmentation{}.acts());
    CHECK(everything().acts());
    CHECK(Augmentation{.light = 0.1}.acts());
}
