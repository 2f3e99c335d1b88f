// Draws a face: wall, neck, hair, head, what stands before it; then what the camera does to the picture.
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <daf/core/error.hpp>
#include "faces/face_coverage.hpp"
#include "faces/face_head.hpp"
#include "faces/faces.hpp"

namespace daf_cnn {
namespace {

float wall(const Backdrop& backdrop, float x, float y) {
    float tone = backdrop.tone + backdrop.slope_x * x + backdrop.slope_y * y;
    for (const Backdrop::Blot& blot : backdrop.blots) {
        const float dx = (x - blot.x) / blot.radius, dy = (y - blot.y) / blot.radius;
        const float rest = std::max(0.0f, 1.0f - dx * dx - dy * dy);
        tone += blot.tone * rest * rest;
    }
    return unit_clamp(tone);
}

/// What stands between the head and the camera.
class Foreground {
  public:
    Foreground(const Occluder& occluder, float footprint)
        : occluder_(occluder),
          footprint_(footprint),
          cosine_(std::cos(occluder.angle)),
          sine_(std::sin(occluder.angle)) {}

    /// What is seen at (x, y) of the image when `behind` is what stands behind the occluder.
    float before(float behind, float x, float y) const {
        const float dx = x - occluder_.x, dy = y - occluder_.y;
        const float along = cosine_ * dx + sine_ * dy, across = cosine_ * dy - sine_ * dx;
        switch (occluder_.kind) {
            case Occluder::Kind::bar: return before_bar(behind, across);
            case Occluder::Kind::hand: return before_hand(behind, along, across);
            case Occluder::Kind::none: break;
        }
        return behind;
    }

  private:
    float before_bar(float behind, float across) const {
        const float round = 1.0f - 0.5f * std::abs(across) / occluder_.width;  // darker towards its edges
        return mix(behind, occluder_.tone * round, cover_line(across, occluder_.width, footprint_));
    }

    /// A palm and four fingers, dark at their edges so that they show on skin of the same tone.
    float before_hand(float behind, float along, float across) const {
        const float w = occluder_.width;
        if (std::abs(along) > 4.0f * w || std::abs(across) > 1.5f * w) return behind;
        float seen = behind;
        const auto lay = [&](float distance, float radius) {
            const float depth = unit_clamp(1.0f - distance / radius);
            seen = mix(seen, occluder_.tone * (0.5f + 0.4f * std::sqrt(depth)),
                       cover_edge(radius - distance, footprint_));
        };
        constexpr std::array<float, 4> reach{1.35f, 1.6f, 1.55f, 1.2f};
        for (std::size_t finger = 0; finger < reach.size(); ++finger) {
            const float place = (static_cast<float>(finger) - 1.5f) * 0.5f * w;
            lay(segment_distance(along, across, 0.0f, 0.9f * place, reach[finger] * w, 1.1f * place),
                0.26f * w);
        }
        lay(segment_distance(along, across, -2.5f * w, 0.0f, -0.1f * w, 0.0f), w);
        return seen;
    }

    Occluder occluder_;
    float footprint_, cosine_, sine_;
};

/// Gaussian blur with mirrored edges, rows then columns.
void blur(std::vector<float>& image, std::size_t size, float deviation) {
    const auto radius = static_cast<std::ptrdiff_t>(std::ceil(2.5f * deviation));
    if (radius < 1) return;
    std::vector<float> weights(static_cast<std::size_t>(radius) + 1);
    float sum = 0.0f;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const float distance = static_cast<float>(i) / deviation;
        weights[i] = std::exp(-0.5f * distance * distance);
        sum += i == 0 ? weights[i] : 2.0f * weights[i];
    }
    for (float& weight : weights) weight /= sum;

    const auto length = static_cast<std::ptrdiff_t>(size);
    std::vector<float> padded(size + 2 * static_cast<std::size_t>(radius));
    const auto blur_line = [&](float* line, std::ptrdiff_t step) {
        for (std::ptrdiff_t i = -radius; i < length + radius; ++i) {
            std::ptrdiff_t from = i < 0 ? -1 - i : i >= length ? 2 * length - 1 - i : i;
            from = std::clamp(from, std::ptrdiff_t{0}, length - 1);  // tiny images mirror only once
            padded[static_cast<std::size_t>(i + radius)] = line[from * step];
        }
        for (std::ptrdiff_t i = 0; i < length; ++i) {
            const float* middle = padded.data() + i + radius;
            float value = weights[0] * middle[0];
            for (std::ptrdiff_t d = 1; d <= radius; ++d) {
                value += weights[static_cast<std::size_t>(d)] * (middle[-d] + middle[d]);
            }
            line[i * step] = value;
        }
    };
    for (std::ptrdiff_t row = 0; row < length; ++row) blur_line(image.data() + row * length, 1);
    for (std::ptrdiff_t column = 0; column < length; ++column) blur_line(image.data() + column, length);
}

/// Nearly normal with deviation 1: the sum of a word's four bytes (their variance is 4 (256^2 - 1) / 12).
float grain(std::uint32_t word) {
    const std::uint32_t sum = (word & 0xFFu) + ((word >> 8) & 0xFFu) + ((word >> 16) & 0xFFu) + (word >> 24);
    return (static_cast<float>(sum) - 510.0f) / 147.8f;
}

/// light^gamma on [0, 1], interpolated between 257 knots (within half a grey value, without a power a pixel).
class ToneCurve {
  public:
    explicit ToneCurve(float gamma) {
        for (std::size_t i = 0; i < knots_.size(); ++i) {
            knots_[i] = std::pow(static_cast<float>(i) / last, gamma);
        }
    }
    float operator()(float light) const {
        const float place = last * unit_clamp(light);
        const std::size_t knot = std::min(static_cast<std::size_t>(place), knots_.size() - 2);
        return mix(knots_[knot], knots_[knot + 1], place - static_cast<float>(knot));
    }

  private:
    static constexpr float last = 256.0f;
    std::array<float, 257> knots_;
};

void expose(const Camera& camera, const std::vector<float>& image, std::span<std::uint8_t> pixels) {
    const ToneCurve curve(camera.gamma);
    daf::RandomSequence random(camera.noise_stream, camera.noise_sample);
    for (std::size_t i = 0; i < image.size(); ++i) {
        const float value = curve(camera.gain * image[i]) + camera.noise * grain(random.word());
        pixels[i] = static_cast<std::uint8_t>(255.0f * unit_clamp(value) + 0.5f);
    }
}

}  // namespace

void render_face(const FaceParameters& face, int size, std::span<std::uint8_t> pixels) {
    const auto side = static_cast<std::size_t>(std::max(size, 0));
    if (size < 1 || pixels.size() != side * side) {
        throw daf::ArgumentError("a face of size " + std::to_string(size) +
                                 " needs a buffer of size * size (at least 1) bytes, but was given " +
                                 std::to_string(pixels.size()));
    }
    const float footprint = 1.0f / static_cast<float>(size);
    const Head head(face, footprint);
    const Foreground foreground(face.occluder, footprint);
    std::vector<float> image(side * side);
    for (std::size_t row = 0; row < side; ++row) {
        const float y = (static_cast<float>(row) + 0.5f) * footprint - 0.5f;
        for (std::size_t column = 0; column < side; ++column) {
            const float x = (static_cast<float>(column) + 0.5f) * footprint - 0.5f;
            const float seen = head.before(wall(face.backdrop, x, y), x, y);
            image[row * side + column] = foreground.before(seen, x, y);
        }
    }
    blur(image, side, face.camera.blur * static_cast<float>(size));
    expose(face.camera, image, pixels);
}

}  // namespace daf_cnn
