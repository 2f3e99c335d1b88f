#pragma once
// Augmentation of square grey pictures: each a little different every time. One arithmetic for every backend.
#include <cmath>
#include <daf/core/entry.hpp>
#include <numbers>

namespace daf {

/// How far a change may go, each way. All zero: pictures as they are.
struct Augmentation {
    bool flip = false;  ///< mirrored left to right, with probability 1/2
    double rotate = 0;  ///< degrees, at most 180
    double zoom = 0;    ///< scale 1 - zoom to 1 + zoom; less than 1
    double shift = 0;   ///< of the picture's side, along x and y
    double light = 0;   ///< brightness, and contrast about the middle grey
    constexpr bool acts() const { return flip || rotate > 0 || zoom > 0 || shift > 0 || light > 0; }
};

/// One picture's change.
struct Change {
    bool flipped = false;
    double angle = 0;                 ///< radians, clockwise as seen
    double scale = 1;                 ///< larger than 1: nearer
    double shift_x = 0, shift_y = 0;  ///< of the side, to the right and downwards
    float brightness = 0;             ///< added to values in [0, 1]
    float contrast = 1;               ///< times the distance from 1/2, before that
};

/// The change of a position in a stream: uniform within `limits`, a function of the arguments alone. Each
/// kind of change has its own random word, so that switching one off leaves the others as they were.
DAF_HOST_DEVICE inline Change drawn_change(const Augmentation& limits, const Stream& stream,
                                           std::uint32_t position) {
    const RandomBlock first = draw(stream, position, 0), second = draw(stream, position, 1);
    // From -1 to 1. What follows spells its fma out: the same bits whatever a compiler makes of a * b + c.
    const auto unit = [](std::uint32_t word) {
        return std::fma(2.0, static_cast<double>(unit_interval(word)), -1.0);
    };
    Change change;
    change.flipped = limits.flip && unit_interval(first[0]) < 0.5f;
    change.angle = limits.rotate * unit(first[1]) * (std::numbers::pi / 180);
    change.scale = std::fma(limits.zoom, unit(first[2]), 1.0);
    change.shift_x = limits.shift * unit(first[3]);
    change.shift_y = limits.shift * unit(second[0]);
    change.brightness = static_cast<float>(limits.light * unit(second[1]));
    change.contrast = static_cast<float>(std::fma(limits.light, unit(second[2]), 1.0));
    return change;
}

namespace detail {

/// Cosine and sine to 1e-15, up to half a turn. With the same bits on every machine, which no C library
/// promises: of an eighth of the angle by their series, then of the double angle three times.
struct Turned {
    double cosine, sine;

    DAF_HOST_DEVICE explicit Turned(double angle) {
        const double part = angle / 8, square = part * part;
        double s = 1, v = 1;  // sin(part) / part and (1 - cos(part)) / (square / 2)
        for (int k = 8; k >= 1; --k) {
            s = std::fma(s, -square / ((2 * k) * (2 * k + 1)), 1.0);
            v = std::fma(v, -square / ((2 * k + 1) * (2 * k + 2)), 1.0);
        }
        sine = part * s;
        cosine = std::fma(-v, square / 2, 1.0);
        for (int doubled = 0; doubled < 3; ++doubled) {
            const double squared = sine * sine;
            sine = 2 * (sine * cosine);
            cosine = std::fma(-2.0, squared, 1.0);
        }
    }
};

}  // namespace detail

/// A change made ready for the pixels of a picture: where each one comes from, and what light does to it.
class ChangedPicture {
  public:
    ChangedPicture() = default;
    /// From a picture of from_side x from_side bytes to one of to_side x to_side numbers.
    DAF_HOST_DEVICE ChangedPicture(const Change& change, Index from_side, Index to_side)
        : side_(from_side), last_(static_cast<double>(from_side - 1)) {
        // The change run backwards: an affine map from the new picture's pixels to the old one's.
        const auto from = static_cast<double>(from_side), to = static_cast<double>(to_side);
        const double step = from / to / change.scale, across = change.flipped ? -step : step;
        const detail::Turned turned(change.angle);
        xx_ = across * turned.cosine;
        xy_ = across * turned.sine;
        yx_ = -step * turned.sine;
        yy_ = step * turned.cosine;
        // The pixel of the new picture that shows the old one's centre.
        const double centre = std::fma(0.5, from, -0.5), middle_of_new = std::fma(0.5, to, -0.5);
        const double centre_x = std::fma(change.shift_x, to, middle_of_new),
                     centre_y = std::fma(change.shift_y, to, middle_of_new);
        x0_ = std::fma(-xy_, centre_y, std::fma(-xx_, centre_x, centre));
        y0_ = std::fma(-yy_, centre_y, std::fma(-yx_, centre_x, centre));
        constexpr float white = 255.0f, middle = 0.5f;
        gain_ = change.contrast / white;
        offset_ = std::fma(-change.contrast, middle, middle) + change.brightness;
    }

    /// The pixel (x, y) of the new picture, in [0, 1].
    DAF_HOST_DEVICE float operator()(const std::uint8_t* pixels, Index x, Index y) const {
        const auto column = static_cast<double>(x), row = static_cast<double>(y);
        const float grey = between(pixels, std::fma(xx_, column, std::fma(xy_, row, x0_)),
                                   std::fma(yx_, column, std::fma(yy_, row, y0_)));
        const float lit = std::fma(grey, gain_, offset_);
        return lit < 0 ? 0 : lit > 1 ? 1 : lit;
    }

    /// All of it, to_side x to_side.
    template <class T>
    void write(const std::uint8_t* pixels, Index to_side, T* image) const {
        for (Index y = 0; y < to_side; ++y) {
            for (Index x = 0; x < to_side; ++x)
                image[y * to_side + x] = static_cast<T>((*this)(pixels, x, y));
        }
    }

  private:
    /// The old picture between its pixels; the edges' pixels are repeated outwards.
    DAF_HOST_DEVICE float between(const std::uint8_t* pixels, double x, double y) const {
        x = within(x);
        y = within(y);
        const auto left = static_cast<Index>(x), top = static_cast<Index>(y);
        const Index right = left + 1 < side_ ? left + 1 : left;
        const std::uint8_t* above = pixels + top * side_;
        const std::uint8_t* below = top + 1 < side_ ? above + side_ : above;
        const auto across = static_cast<float>(x - static_cast<double>(left));
        const auto down = static_cast<float>(y - static_cast<double>(top));
        const float upper = mixed(above[left], above[right], across);
        return mixed(upper, mixed(below[left], below[right], across), down);
    }
    DAF_HOST_DEVICE double within(double at) const { return at > 0 ? (at < last_ ? at : last_) : 0; }
    DAF_HOST_DEVICE static float mixed(float first, float second, float share) {
        return std::fma(share, second - first, first);
    }

    Index side_ = 0;
    double last_ = 0;
    double xx_ = 0, xy_ = 0, x0_ = 0;  // x' = xx x + xy y + x0
    double yx_ = 0, yy_ = 0, y0_ = 0;
    float gain_ = 0, offset_ = 0;
};

namespace header {
struct augmentation {
    static constexpr const char* name = "augmentation";
};
}  // namespace header

/// Names the kernels of augment: Kernel<PictureChange, Backend>.
struct PictureChange {
    using Header = header::augmentation;
};

/// A batch of pictures to be changed. Pointers are in the backend's memory.
template <class T>
struct AugmentCall {
    const std::uint8_t* pictures = nullptr;  ///< one after another, from_side x from_side bytes each
    Index from_side = 0;
    const std::int32_t* chosen =
        nullptr;          ///< the number of each image's picture; null: the first `count` in their order
    T* images = nullptr;  ///< count x to_side x to_side numbers in [0, 1]
    Index to_side = 0;
    Index count = 0;
    Augmentation limits{};
    Stream stream{};                   ///< who draws and when: its step may be the epoch
    std::uint32_t first_position = 0;  ///< the first image's position in the stream
};

/// images[i] = the picture chosen[i] as drawn_change(limits, stream, first_position + i) changes it, in one
/// bilinear step from the 8-bit pixels: pixel centres at halves, the edges' pixels repeated outwards. Flip,
/// scale, rotation about the centre, shift; then contrast and brightness, cut off at 0 and 1. Without a limit
/// that acts, plain scaling to another side. The same bits on every backend. Throws ArgumentError for a
/// missing buffer, a side or count below 1, or limits out of range; the numbers in `chosen` are not checked.
template <class Backend, class T>
void augment(Backend& ctx, const AugmentCall<T>& call) {
    detail::check_kernel<PictureChange, Backend>();
    if constexpr (detail::has_kernel<PictureChange, Backend>) {
        const char* name = header::augmentation::name;
        const Augmentation& limits = call.limits;
        if (call.pictures == nullptr || call.images == nullptr) {
            detail::throw_argument(name, "pictures or images are null: give them memory");
        }
        if (call.from_side < 1 || call.to_side < 1 || call.count < 1) {
            detail::throw_argument(name, "expected sides and a count of at least 1");
        }
        const bool in_range = limits.rotate >= 0 && limits.rotate <= 180 && limits.zoom >= 0 &&
                              limits.zoom < 1 && limits.shift >= 0 && std::isfinite(limits.shift) &&
                              limits.light >= 0 && std::isfinite(limits.light);
        if (!in_range) {
            detail::throw_argument(name,
                                   "expected finite limits of 0 or more, rotate at most 180 and zoom less "
                                   "than 1");
        }
        Kernel<PictureChange, Backend>::run(ctx, call);
    }
}

}  // namespace daf
