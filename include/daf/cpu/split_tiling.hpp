#pragma once
// How 3x3 convolutions by matrix tiles lay out a batch of maps: pixels are lanes, 32 a block of the product.
//
// Along the rows of an image: lanes are the pixels of a strip of rows, `pitch` = width + 1 lanes from row to
// row; the lane between two rows is a zero, the border of both. Across images, for small maps: a block is one
// pixel of 32 images; taps outside the map are left out. A function of the shapes and the count alone.
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/split_tiles.hpp>

namespace daf::cpu {

struct SplitTiling {
    Index height, width, count;  // of the maps
    bool across;
    Index strip_rows;   // of the map in a strip; divides the height. Across, a strip is 32 whole maps
    Index unit_strips;  // that are laid out at a time

    /// least_blocks: of a unit, as far as the batch has them.
    static constexpr SplitTiling of(const ConvolutionSize& size, Index count, Index least_blocks);

    constexpr Index pitch() const { return width + 1; }
    constexpr Index strips_of_image() const { return height / strip_rows; }
    constexpr Index strips() const {
        return across ? (count + block_side - 1) / block_side : count * strips_of_image();
    }
    constexpr Index units() const { return (strips() + unit_strips - 1) / unit_strips; }
    constexpr Range strips_of(Index unit) const {
        return {unit * unit_strips, std::min((unit + 1) * unit_strips, strips())};
    }

    /// Blocks and lanes of a strip, and lanes with its border: row -1, column -1 is the first of them.
    constexpr Index strip_blocks() const {
        return across ? height * width : (strip_rows * pitch() + block_side - 1) / block_side;
    }
    constexpr Index strip_lanes() const { return strip_blocks() * block_side; }
    constexpr Index bordered_lanes() const {
        return across ? strip_lanes() : strip_lanes() + 2 * pitch() + 2;
    }
    /// From a lane of the strip to the bordered lane that tap (row, column) of 0 to 2 meets there.
    constexpr Index lanes_to(Index row, Index column) const {
        return across ? ((row - 1) * width + column - 1) * block_side : row * pitch() + column;
    }
};

/// Which taps of a block's lanes lie inside the map. (Along, the border's zeros answer that.)
class SplitTaps {
  public:
    constexpr SplitTaps(const SplitTiling& t, Index block) {
        if (!t.across) return;
        const Index row = block / t.width, column = block % t.width;
        for (Index tap = 0; tap < 3; ++tap) {
            rows_[tap] = row + tap >= 1 && row + tap <= t.height;
            columns_[tap] = column + tap >= 1 && column + tap <= t.width;
        }
    }
    constexpr bool meet(Index row, Index column) const { return rows_[row] && columns_[column]; }

  private:
    bool rows_[3] = {true, true, true}, columns_[3] = {true, true, true};
};

/// A strip's place in the batch.
struct SplitStrip {
    Index image, images;    // the first, and how many
    Index first_row, rows;  // of the map

    constexpr SplitStrip(const SplitTiling& t, Index strip)
        : image(t.across ? strip * block_side : strip / t.strips_of_image()),
          images(t.across ? std::min(block_side, t.count - image) : 1),
          first_row(t.across ? 0 : strip % t.strips_of_image() * t.strip_rows),
          rows(t.strip_rows) {}

    /// body(lane of the block, pixel of the batch) for the block's lanes that are pixels.
    template <class Body>
    void for_each_pixel(const SplitTiling& t, Index block, const Body& body) const {
        const Index area = t.height * t.width;
        if (t.across) {
            for (Index i = 0; i < images; ++i) body(i, (image + i) * area + block);
            return;
        }
        Index row = block * block_side / t.pitch(), column = block * block_side % t.pitch();
        for (Index i = 0; i < block_side && row < rows; ++i) {
            if (column < t.width) body(i, image * area + (first_row + row) * t.width + column);
            if (++column == t.pitch()) {
                column = 0;
                ++row;
            }
        }
    }
};

constexpr SplitTiling SplitTiling::of(const ConvolutionSize& size, Index count, Index least_blocks) {
    constexpr Index near_bytes = Index{3}
                                 << 18;  // of a strip: half of a core's second-level cache, more or less
    SplitTiling t{size.height, size.width, count, false, 1, 1};
    const Index channels = std::max(size.channels, size.features), lane_bytes = 4 * channels;
    for (Index rows = 2; rows <= t.height; ++rows) {
        if (t.height % rows == 0 && (rows + 2) * t.pitch() * lane_bytes <= near_bytes) t.strip_rows = rows;
    }
    // Across, no lane is a border, and taps outside the map cost nothing.
    const Index taps = (3 * t.height - 2) * (3 * t.width - 2);  // of all pixels, inside the map
    const Index along_steps = count * t.strips_of_image() * t.strip_blocks() * 9;
    const Index across_steps = (count + block_side - 1) / block_side * taps;
    const bool whole_steps = size.channels % tile_depth == 0 && size.features % block_side == 0;
    if (whole_steps && t.height * t.width <= 64 && across_steps < along_steps) {
        t.across = true;
        t.strip_rows = t.height;
    }
    const Index strip_bytes = t.bordered_lanes() * lane_bytes;
    const Index enough = (least_blocks + t.strip_blocks() - 1) / t.strip_blocks();
    const Index strips =
        std::clamp(std::max(near_bytes / strip_bytes, enough), Index{1}, std::max(t.strips(), Index{1}));
    const Index units = (t.strips() + strips - 1) / strips;
    t.unit_strips = units > 0 ? (t.strips() + units - 1) / units : 1;  // nearly equal units
    return t;
}

}  // namespace daf::cpu
