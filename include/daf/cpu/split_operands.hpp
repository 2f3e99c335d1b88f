#pragma once
// The operands of a 3x3 convolution by matrix tiles, laid out as the tiles are read: pixels, pixels turned,
// pairs of pixels, and weights.
#include <daf/cpu/gemm.hpp>
#include <daf/cpu/split_tiling.hpp>

namespace daf::cpu {

/// to (16 x 16, dense) = the transpose of 16 rows of 16 words.
inline void transpose_words(const float* from, Index row, float* to) {
#ifdef EIGEN_VECTORIZE_AVX512
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // of a packet that is a template's argument
    packet::PacketBlock<Packet<float>, tile_side> block;
#pragma GCC diagnostic pop
    for (Index i = 0; i < tile_side; ++i) block.packet[i] = packet::ploadu<Packet<float>>(from + i * row);
    packet::ptranspose(block);
    for (Index i = 0; i < tile_side; ++i) packet::pstoreu(to + i * tile_side, block.packet[i]);
#else
    for (Index i = 0; i < tile_side; ++i) {
        for (Index j = 0; j < tile_side; ++j) to[j * tile_side + i] = from[i * row + j];
    }
#endif
}

/// In which order a convolution sums: steps of 32 elements, every one of them a channel of a tap.
class SplitSum {
  public:
    explicit SplitSum(Index channels)
        : channels_(channels),
          joined_(channels == tile_side),
          chunks_((channels + tile_depth - 1) / tile_depth) {}

    /// Whether a step runs on from one pixel's channels to the next's: of 16 channels half a step would be
    /// zeros.
    bool joined() const { return joined_; }
    Index steps() const { return joined_ ? 6 : 9 * chunks_; }
    /// The tap where a step starts, and the channel.
    Index tap(Index step) const { return joined_ ? step / 2 * 3 + step % 2 * 2 : step % 9; }
    Index channel(Index step) const { return joined_ ? 0 : step / 9 * tile_depth; }

    /// body(tap row, tap column, channel) for every step.
    template <class Body>
    void for_each_step(const Body& body) const {
        for (Index c = 0; c < channels_; c += tile_depth) {
            for (Index row = 0; row < 3; ++row) {
                for (Index column = 0; column < 3; column += joined_ ? 2 : 1) body(row, column, c);
            }
        }
    }

    /// weights(tap, channel) of element k of a step, or null where there is none.
    template <class Weights>
    const float* element(Index step, Index k, const Weights& weights) const {
        if (!joined_) {
            const Index c = channel(step) + k;
            return c < channels_ ? weights(tap(step), c) : nullptr;
        }
        const bool next = k >= tile_side;
        if (next && step % 2 == 1) return nullptr;
        return weights(tap(step) + next, k % tile_side);
    }

  private:
    Index channels_;
    bool joined_;
    Index chunks_;
};

/// A unit's pixels with their borders as rows of A, [strip][lane][channel], high and low.
class SplitGrid {
  public:
    SplitGrid(const SplitTiling& tiling, Index channels)
        : tiling_(tiling), channels_(channels), joined_(SplitSum(channels).joined()) {
        // Lanes an odd number of cache lines apart spread over a cache's sets.
        constexpr Index line = tile_depth;
        padded_ = joined_ ? channels : (channels + line - 1) / line * line;
        row_ = joined_ ? channels : (2 * padded_ / line | 1) * line;
        // A joined step reads on into the next lanes.
        plane_ = (tiling.unit_strips * tiling.bordered_lanes() * row_ + 4 * line) / line * line;
    }

    Index size() const { return joined_ ? 2 * plane_ : plane_; }
    Index row() const { return row_; }
    Index low() const { return joined_ ? plane_ : padded_; }
    /// Of the s-th strip of the unit.
    Index lane(Index s, Index lane) const { return (s * tiling_.bordered_lanes() + lane) * row_; }

    /// Rows of the strip with its border: what fill() does, piece by piece.
    Index pieces() const { return tiling_.across ? tiling_.height : tiling_.strip_rows + 2; }
    /// Floats that fill() needs.
    Index row_size() const { return tiling_.width * channels_; }
    void fill(const SplitStrip& strip, Index s, Index piece, const MapRows<float>& rows, float* row,
              bf16* grid) const {
        if (tiling_.across) {
            for (Index i = 0; i < block_side; ++i) {
                if (i < strip.images) rows(strip.image + i, piece, row);
                for (Index c = 0; c < tiling_.width; ++c) {
                    bf16* to = grid + lane(s, (piece * tiling_.width + c) * block_side + i);
                    i < strip.images ? place(row + c * channels_, to) : clear(to);
                }
            }
            return;
        }
        const Index map_row = strip.first_row + piece - 1;
        bf16* to = grid + lane(s, piece * tiling_.pitch());
        clear(to);
        if (map_row >= 0 && map_row < tiling_.height) {
            rows(strip.image, map_row, row);
            for (Index c = 0; c < tiling_.width; ++c) place(row + c * channels_, to + (c + 1) * row_);
        } else {
            for (Index c = 0; c < tiling_.width; ++c) clear(to + (c + 1) * row_);
        }
        if (piece + 1 == pieces()) {  // what blocks read beyond the last row
            for (Index l = pieces() * tiling_.pitch(); l < tiling_.bordered_lanes(); ++l)
                clear(grid + lane(s, l));
        }
    }

  private:
    void place(const float* pixel, bf16* to) const {
        split(pixel, channels_, to, to + low());
        if (padded_ != channels_) {
            std::fill(to + channels_, to + padded_, bf16(0));
            std::fill(to + low() + channels_, to + low() + padded_, bf16(0));
        }
    }
    void clear(bf16* to) const {
        std::fill_n(to, padded_, bf16(0));
        std::fill_n(to + low(), padded_, bf16(0));
    }

    SplitTiling tiling_;
    Index channels_;
    bool joined_;
    Index padded_, row_, plane_;
};

/// A unit's pixels, without borders, as columns of A: [16 channels][block][channel][lane], high and low
/// tiles.
class SplitTurned {
  public:
    SplitTurned(const SplitTiling& tiling, Index channels)
        : tiling_(tiling),
          channels_(channels),
          tiles_((channels + tile_side - 1) / tile_side),
          blocks_(tiling.unit_strips * tiling.strip_blocks()) {}

    Index size() const { return tiles_ * blocks_ * 2 * tile_size; }
    Index tiles() const { return tiles_; }
    /// Rows for two tiles of channels; `second` may be the first again.
    SplitRows rows(const bf16* turned, Index first, Index second, Index block) const {
        return {turned + tile(first, block), turned + tile(second, block), tile_depth, tile_size};
    }

    Index pieces() const { return tiling_.strip_rows; }
    /// Floats that fill() needs.
    Index row_size() const {
        return (tiling_.across ? block_side * tiling_.width : std::max(tiling_.pitch(), tile_side)) *
               channels_;
    }
    void fill(const SplitStrip& strip, Index s, Index piece, const MapRows<float>& rows, float* row,
              bf16* turned) const {
        const Index first_block = s * tiling_.strip_blocks(), row_floats = tiling_.width * channels_;
        if (tiling_.across) {
            for (Index i = 0; i < block_side; ++i) {
                if (i < strip.images) {
                    rows(strip.image + i, piece, row + i * row_floats);
                } else {
                    std::fill_n(row + i * row_floats, row_floats, 0.0F);
                }
            }
            for (Index c = 0; c < tiling_.width; ++c) {
                const Index block = first_block + piece * tiling_.width + c;
                for (Index half = 0; half < block_side; half += tile_side)
                    place(row + half * row_floats + c * channels_, row_floats, tile_side, block, half,
                          turned);
            }
            return;
        }
        rows(strip.image, strip.first_row + piece, row);
        std::fill_n(row + row_floats, channels_, 0.0F);  // the border's lane
        const Index begin = piece * tiling_.pitch();
        Index end = begin + tiling_.pitch();
        for (Index lane = begin; lane < end;) {
            const Index count = std::min(tile_side - lane % tile_side, end - lane);
            place(row + (lane - begin) * channels_, channels_, count, first_block + lane / block_side,
                  lane % block_side, turned);
            lane += count;
        }
        if (piece + 1 == pieces() && end < tiling_.strip_lanes()) {
            std::fill_n(row, tile_side * channels_, 0.0F);
            while (end < tiling_.strip_lanes()) {
                const Index count = std::min(tile_side - end % tile_side, tiling_.strip_lanes() - end);
                place(row, channels_, count, first_block + end / block_side, end % block_side, turned);
                end += count;
            }
        }
    }

  private:
    Index tile(Index channels, Index block) const { return (channels * blocks_ + block) * 2 * tile_size; }

    /// `count` pixels, `step` floats apart, to the lanes of a block from `lane` on, which share a half of it.
    void place(const float* pixels, Index step, Index count, Index block, Index lane, bf16* turned) const {
        alignas(64) float square[tile_side * tile_side] = {}, columns[tile_side * tile_side];
        for (Index t = 0; t < tiles_; ++t) {
            const Index first = t * tile_side, channels = std::min(tile_side, channels_ - first);
            const float* from = pixels + first;
            Index row = step;
            if (count < tile_side || channels < tile_side) {
                for (Index i = 0; i < count; ++i)
                    std::copy_n(from + i * step, channels, square + i * tile_side);
                std::fill(square + count * tile_side, square + tile_side * tile_side, 0.0F);
                from = square;
                row = tile_side;
            }
            transpose_words(from, row, columns);
            bf16* to = turned + tile(t, block) + lane;
            for (Index c = 0; c < tile_side; ++c, to += tile_depth)
                SplitSixteen(columns + c * tile_side).store(to, to + tile_size, count);
        }
    }

    SplitTiling tiling_;
    Index channels_;
    Index tiles_, blocks_;
};

/// A unit's bordered pixels as pairs of B: [16 channels][parity][high or low][pair]. A pair of parity 1
/// starts at an odd lane, so that a tap finds its pairs wherever it falls.
class SplitPairs {
  public:
    SplitPairs(const SplitTiling& tiling, const SplitGrid& grid, Index channels)
        : grid_(grid),
          panels_((channels + tile_side - 1) / tile_side),
          lanes_(tiling.unit_strips * tiling.bordered_lanes()),
          parities_(tiling.across ? 1 : 2),
          pairs_((lanes_ + 1) / 2 + tile_side) {}

    Index size() const { return panels_ * parities_ * 2 * low(); }
    Index panels() const { return panels_; }
    Index low() const { return pairs_ * pair_size; }
    /// Where 32 lanes from a bordered lane of the unit on stand.
    Index at(Index panel, Index lane) const {
        return (panel * parities_ + lane % 2) * 2 * low() + lane / 2 * pair_size;
    }

    Index pieces() const { return (lanes_ + piece_lanes - 1) / piece_lanes; }
    void fill(const bf16* grid, Index piece, bf16* pairs) const {
        const Index end = std::min((piece + 1) * piece_lanes, lanes_);
        for (Index panel = 0; panel < panels_; ++panel) {
            for (Index lane = piece * piece_lanes; lane < end; lane += 3 - parities_) {
                const bf16* even = grid + grid_.lane(0, lane) + panel * tile_side;
                // Beyond the last lane nothing but finite is asked for.
                const bf16* odd = lane + 1 < lanes_ ? even + grid_.row() : even;
                interleave(even, odd, grid_.low(), pairs + at(panel, lane), low());
            }
        }
    }

  private:
    static constexpr Index piece_lanes = 64;
    SplitGrid grid_;
    Index panels_, lanes_, parities_, pairs_;
};

/// Weights as pairs of B, [16 outputs][step], from `in` to `out` channels.
class SplitWeights {
  public:
    SplitWeights(Index in, Index out)
        : in_(in), out_(out), panels_((out + tile_side - 1) / tile_side), sum_(in) {}

    /// In floats, of which a pair of bf16 takes one.
    Index size() const { return panels_ * sum_.steps() * step_size / 2; }
    Index panels() const { return panels_; }
    const SplitSum& sum() const { return sum_; }
    /// A panel's steps are step_size apart, their low parts tile_size after the high ones.
    static constexpr Index step_size = 2 * tile_size;
    const bf16* panel(const float* transformed, Index panel) const {
        return reinterpret_cast<const bf16*>(transformed) + panel * sum_.steps() * step_size;
    }

    /// From weights (3,3,in,out).
    void transform(Cpu& ctx, const float* weight, float* transformed) const {
        auto* to = reinterpret_cast<bf16*>(transformed);
        const Index steps = sum_.steps();
        ctx.parallel(panels_, [&](Index panel) {
            const Index first = panel * tile_side, outputs = std::min(tile_side, out_ - first);
            const auto at = [&](Index tap, Index c) { return weight + (tap * in_ + c) * out_ + first; };
            for (Index step = 0; step < steps; ++step) {
                bf16* pairs = to + (panel * steps + step) * step_size;
                for (Index k = 0; k < tile_depth; k += 2, pairs += pair_size) {
                    alignas(64) bf16 rows[2][2 * tile_side] = {};
                    for (Index odd = 0; odd < 2; ++odd) {
                        const float* row = sum_.element(step, k + odd, at);
                        if (row != nullptr) split(row, outputs, rows[odd], rows[odd] + tile_side);
                    }
                    interleave(rows[0], rows[1], tile_side, pairs, tile_size);
                }
            }
        });
    }

    /// From weights (3,3,out,in), turned round: of the convolution that takes dy to dx.
    void transform_turned(Cpu& ctx, const float* weight, float* transformed) const {
        auto* to = reinterpret_cast<bf16*>(transformed);
        const Index steps = sum_.steps();
        ctx.parallel(panels_, [&](Index panel) {
            const Index first = panel * tile_side, outputs = std::min(tile_side, out_ - first);
            for (Index step = 0; step < steps; ++step) {
                // Row j holds output j's elements of the step, two to a word.
                alignas(64) float high[tile_side * tile_side] = {}, low[tile_side * tile_side] = {};
                for (Index j = 0; j < outputs; ++j) turned_row(weight, first + j, step, high, low, j);
                store_words(high, to + (panel * steps + step) * step_size);
                store_words(low, to + (panel * steps + step) * step_size + tile_size);
            }
        });
    }

  private:
    void turned_row(const float* weight, Index output, Index step, float* high, float* low, Index j) const {
        alignas(64) float row[tile_depth] = {};
        const auto at = [&](Index tap, Index c) { return weight + ((8 - tap) * out_ + output) * in_ + c; };
        for (Index k = 0; k < tile_depth; k += tile_side) {  // runs of channels lie side by side
            const Index left = sum_.joined() ? tile_side : in_ - sum_.channel(step) - k;
            const float* from = sum_.element(step, k, at);
            if (from != nullptr) std::copy_n(from, std::min(tile_side, left), row + k);
        }
        bf16 parts[2][tile_depth];
        split(row, tile_depth, parts[0], parts[1]);
        std::memcpy(high + j * tile_side, parts[0], sizeof parts[0]);
        std::memcpy(low + j * tile_side, parts[1], sizeof parts[1]);
    }

    /// Words [output][pair] to the pairs of a step.
    static void store_words(const float* words, bf16* to) {
        alignas(64) float turned[tile_side * tile_side];
        transpose_words(words, tile_side, turned);
        for (Index pair = 0; pair < tile_side; ++pair)
            std::memcpy(static_cast<void*>(to + pair * pair_size), turned + pair * tile_side,
                        tile_side * sizeof(float));
    }

    Index in_, out_, panels_;
    SplitSum sum_;
};

}  // namespace daf::cpu
