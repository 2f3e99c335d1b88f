#include "faces/faces.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <utility>

#include <daf/core/error.hpp>

namespace daf_cnn {
namespace {

constexpr std::uint32_t class_count = expression_names.size();
constexpr std::uint32_t label_layer = 0xFACE0000u;  // face_sampling.cpp draws from the layers after it

/// The seven labels of one run of indices, shuffled (Fisher and Yates).
std::array<std::uint8_t, class_count> shuffled_labels(daf::Seed seed, Split split, std::uint32_t run) {
    std::array<std::uint8_t, class_count> labels{};
    std::iota(labels.begin(), labels.end(), std::uint8_t{0});
    daf::RandomSequence random(daf::Stream{seed, static_cast<std::uint32_t>(split), label_layer}, run);
    for (std::uint32_t last = class_count - 1; last > 0; --last) {
        std::swap(labels[last], labels[random.below(last + 1)]);
    }
    return labels;
}

}  // namespace

Expression face_label(daf::Seed seed, Split split, std::uint32_t index) {
    return static_cast<Expression>(shuffled_labels(seed, split, index / class_count)[index % class_count]);
}

FaceParameters sample_face(daf::Seed seed, Split split, std::uint32_t index) {
    return sample_face(seed, split, index, face_label(seed, split, index));
}

void draw_face(daf::Seed seed, Split split, std::uint32_t index, int size, std::span<std::uint8_t> pixels) {
    render_face(sample_face(seed, split, index), size, pixels);
}

std::vector<std::uint8_t> contact_sheet(daf::Seed seed, Split split, std::uint32_t first, int rows,
                                        int columns, int size) {
    if (rows < 1 || columns < 1 || size < 1) {
        throw daf::ArgumentError(
            "a contact sheet needs at least one row, one column and one pixel, but was given " +
            std::to_string(rows) + " rows, " + std::to_string(columns) + " columns, size " +
            std::to_string(size));
    }
    const auto side = static_cast<std::size_t>(size);
    const auto stride = static_cast<std::size_t>(columns) * side;
    std::vector<std::uint8_t> sheet(static_cast<std::size_t>(rows) * side * stride);
    std::vector<std::uint8_t> face(side * side);
    for (std::uint32_t row = 0; row < static_cast<std::uint32_t>(rows); ++row) {
        for (std::uint32_t column = 0; column < static_cast<std::uint32_t>(columns); ++column) {
            const std::uint32_t run =
                first / class_count + row / class_count * static_cast<std::uint32_t>(columns) + column;
            const auto labels = shuffled_labels(seed, split, run);
            const auto place = std::find(labels.begin(), labels.end(), row % class_count) - labels.begin();
            draw_face(seed, split, run * class_count + static_cast<std::uint32_t>(place), size, face);
            for (std::size_t y = 0; y < side; ++y) {
                std::copy_n(
                    face.begin() + static_cast<std::ptrdiff_t>(y * side), side,
                    sheet.begin() + static_cast<std::ptrdiff_t>((row * side + y) * stride + column * side));
            }
        }
    }
    return sheet;
}

}  // namespace daf_cnn
