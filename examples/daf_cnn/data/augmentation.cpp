#include "data/augmentation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace daf_cnn {

namespace {

/// Where in the old image a place of the new one comes from: an affine map of pixel coordinates.
struct Origin {
    double xx, xy, x0;  // x' = xx x + xy y + x0
    double yx, yy, y0;

    /// The change run backwards, from the new image's pixels to the old one's.
    Origin(const Change& change, std::size_t from_side, std::size_t to_side) {
        const auto from = static_cast<double>(from_side), to = static_cast<double>(to_side);
        const double step = from / to / change.scale;
        const double mirror = change.flipped ? -1 : 1;
        xx = mirror * step * std::cos(change.angle);
        xy = mirror * step * std::sin(change.angle);
        yx = -step * std::sin(change.angle);
        yy = step * std::cos(change.angle);
        // The pixel of the new image that shows the old one's centre.
        const double centre_x = (0.5 + change.shift_x) * to - 0.5,
                     centre_y = (0.5 + change.shift_y) * to - 0.5;
        const double centre = 0.5 * from - 0.5;
        x0 = centre - xx * centre_x - xy * centre_y;
        y0 = centre - yx * centre_x - yy * centre_y;
    }
};

/// The value of an image between its pixels.
class Sampler {
  public:
    Sampler(std::span<const std::uint8_t> pixels, std::size_t side)
        : pixels_(pixels.data()), side_(side), last_(static_cast<double>(side - 1)) {}

    float at(double x, double y) const {
        x = std::clamp(x, 0.0, last_);
        y = std::clamp(y, 0.0, last_);
        const auto left = static_cast<std::size_t>(x), top = static_cast<std::size_t>(y);
        const std::size_t right = std::min(left + 1, side_ - 1);
        const std::uint8_t* above = pixels_ + top * side_;
        const std::uint8_t* below = pixels_ + std::min(top + 1, side_ - 1) * side_;
        const auto across = static_cast<float>(x - static_cast<double>(left));
        const auto down = static_cast<float>(y - static_cast<double>(top));
        const float upper = mixed(above[left], above[right], across);
        return mixed(upper, mixed(below[left], below[right], across), down);
    }

  private:
    static float mixed(float first, float second, float share) { return first + share * (second - first); }

    const std::uint8_t* pixels_;
    std::size_t side_;
    double last_;
};

}  // namespace

Change drawn_change(const Augmentation& limits, daf::Seed seed, int epoch, std::uint32_t position) {
    const daf::Stream stream{seed, static_cast<std::uint32_t>(epoch), augmentation_layer};
    const daf::RandomBlock first = daf::draw(stream, position, 0), second = daf::draw(stream, position, 1);
    const auto within = [](std::uint32_t word, double limit) {
        return limit * (2.0 * daf::unit_interval(word) - 1.0);
    };
    Change change;
    change.flipped = limits.flip && daf::unit_interval(first[0]) < 0.5f;
    change.angle = within(first[1], limits.rotate) * std::numbers::pi / 180;
    change.scale = 1 + within(first[2], limits.zoom);
    change.shift_x = within(first[3], limits.shift);
    change.shift_y = within(second[0], limits.shift);
    change.brightness = static_cast<float>(within(second[1], limits.light));
    change.contrast = static_cast<float>(1 + within(second[2], limits.light));
    return change;
}

void to_changed_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                      std::size_t to_side, const Change& change) {
    constexpr float white = 255.0f, middle = 0.5f;
    const Origin origin(change, from_side, to_side);
    const Sampler sampler(from, from_side);
    const float gain = change.contrast / white;
    const float offset = middle - change.contrast * middle + change.brightness;
    for (std::size_t y = 0; y < to_side; ++y) {
        const double row_x = origin.xy * static_cast<double>(y) + origin.x0;
        const double row_y = origin.yy * static_cast<double>(y) + origin.y0;
        for (std::size_t x = 0; x < to_side; ++x) {
            const auto column = static_cast<double>(x);
            const float grey = sampler.at(origin.xx * column + row_x, origin.yx * column + row_y);
            to[y * to_side + x] = std::clamp(grey * gain + offset, 0.0f, 1.0f);
        }
    }
}

}  // namespace daf_cnn
