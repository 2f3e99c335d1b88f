#pragma once
// Labelled grey images in memory: what every source of data turns into.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/left_out.hpp"
#include "faces/faces.hpp"  // Split

namespace daf_cnn {

/// Square grey images with a label each.
struct Dataset {
    std::string source;                // where it comes from, for messages and records
    int side = 0;                      // pixels in a row, and rows
    std::vector<std::uint8_t> images;  // size() * side * side, one image after another, row by row
    std::vector<std::int32_t> labels;  // size(), as Expression numbers them
    LeftOut left_out{};                // by --skip-bad

    std::size_t size() const { return labels.size(); }
    std::size_t image_bytes() const {
        return static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    }
    std::span<const std::uint8_t> image(std::size_t i) const {
        return std::span(images).subspan(i * image_bytes(), image_bytes());
    }
};

/// The splits of one source; those that were not asked for are empty.
struct Splits {
    Dataset train;
    Dataset validation;
    Dataset test;

    Dataset& operator[](Split split) {
        return split == Split::train ? train : split == Split::validation ? validation : test;
    }
};

}  // namespace daf_cnn
