#pragma once
// The 3x3 convolution of stride 1 backwards on matrix tiles: dx, the convolution of dy with the turned weights, and
//
//   dw[tap][c][f] = sum over the lanes l of x of x[l][c] dy[l - tap][f]
//
// Both from one pass over x and dy, which may be made row by row as they are needed.
#include <daf/cpu/split_convolution.hpp>

namespace daf::cpu {

class SplitBackward {
  public:
    SplitBackward(const ConvolutionSize& size, Index count)
        : size_(size),
          tiling_(SplitTiling::of(size, count, Index{3} << 20)),
          to_x_(tiling_, size.features, size.in),
          turned_x_(tiling_, size.in),
          dy_pairs_(tiling_, to_x_.grid(), size.features) {}

    Index scratch(int threads) const {
        return scratch_size<float>(to_x_.weights().size()) + scratch_size<Bf16>(to_x_.grid().size()) +
               scratch_size<Bf16>(turned_x_.size()) + scratch_size<Bf16>(dy_pairs_.size()) +
               threads * scratch_size<float>(row_size());
    }

    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const float* weight, const MapRows<float>& x,
             const MapRows<float>& dy, float* dx, bool accumulate, float* dweight) const {
        auto* weights = frame.take<float>(to_x_.weights().size());
        auto* grid = frame.take<Bf16>(to_x_.grid().size());
        auto* turned = frame.take<Bf16>(turned_x_.size());
        auto* pairs = frame.take<Bf16>(dy_pairs_.size());
        PerThread<float> rows(frame, ctx.threads(), row_size());
        if (dx != nullptr) to_x_.weights().transform_turned(ctx, weight, weights);
        const OutputFinish<float> finish{accumulate ? Finish::accumulate : Finish::overwrite, nullptr};
        for (Index u = 0; u < tiling_.units(); ++u) {
            const Range strips = tiling_.strips_of(u);
            lay_out(ctx, strips, x, dy, rows, turned, grid);
            ctx.parallel(dy_pairs_.pieces(), [&](Index piece) { dy_pairs_.fill(grid, piece, pairs); });
            const Index for_weights = weight_pieces(), for_x = dx == nullptr ? 0 : to_x_.pieces();
            ctx.parallel(for_weights + for_x, [&](Index piece) {
                if (piece < for_weights) {
                    add_weights(turned, pairs, strips, piece, dweight);
                } else {
                    to_x_.run(weights, grid, strips, piece - for_weights, dx, finish);
                }
            });
        }
    }

  private:
    Index row_size() const { return std::max(to_x_.grid().row_size(), turned_x_.row_size()); }

    void lay_out(Cpu& ctx, Range strips, const MapRows<float>& x, const MapRows<float>& dy,
                 const PerThread<float>& rows, Bf16* turned, Bf16* grid) const {
        const Index of_dy = to_x_.grid().pieces(), of_strip = of_dy + turned_x_.pieces();
        ctx.parallel(strips.size() * of_strip, [&](Index piece, int worker) {
            const Index s = piece / of_strip, p = piece % of_strip;
            const SplitStrip strip(tiling_, strips.first + s);
            if (p < of_dy) {
                to_x_.grid().fill(strip, s, p, dy, rows.of(worker), grid);
            } else {
                turned_x_.fill(strip, s, p - of_dy, x, rows.of(worker), turned);
            }
        });
    }

    /// Two columns of B are two panels of features, or, if their number is odd, two taps.
    bool pairs_of_panels() const { return dy_pairs_.panels() % 2 == 0; }
    Index column_pairs() const {
        return pairs_of_panels() ? dy_pairs_.panels() / 2 * 9 : dy_pairs_.panels() * 5;
    }
    Index row_pairs() const { return (turned_x_.tiles() + 1) / 2; }
    Index weight_pieces() const { return column_pairs() * row_pairs(); }

    struct Column {
        Index panel, tap;
    };

    void add_weights(const Bf16* turned, const Bf16* pairs, Range strips, Index piece, float* dweight) const {
        const MatrixTiles tiles;
        const Index columns = piece % column_pairs(), first_tile = piece / column_pairs() * 2;
        const Index second_tile = std::min(first_tile + 1, turned_x_.tiles() - 1);
        Column first{}, second{};
        if (pairs_of_panels()) {
            first = {columns / 9 * 2, columns % 9};
            second = {first.panel + 1, first.tap};
        } else {
            first = {columns / 5, columns % 5 * 2};
            second = {first.panel, std::min<Index>(first.tap + 1, 8)};
        }
        TileBlock product;
        for (Index s = 0; s < strips.size(); ++s) {
            const Index first_block = s * tiling_.strip_blocks();
            const Index first_lane = s * tiling_.bordered_lanes();
            for (Index block = 0; block < tiling_.strip_blocks(); ++block) {
                if (tiling_.across &&
                    !SplitTaps(tiling_, block).meet(2 - first.tap / 3, 2 - first.tap % 3)) {
                    continue;
                }
                const Index lane = first_lane + block * block_side;
                product.add(turned_x_.rows(turned, first_tile, second_tile, first_block + block),
                            {pairs + at(first, lane), pairs + at(second, lane), dy_pairs_.low()});
            }
        }
        alignas(64) float sums[block_side * block_side];
        product.store(sums);
        add(sums, first_tile, first, dweight);
        const bool other = second.panel != first.panel || second.tap != first.tap;
        if (other) add(sums + tile_side, first_tile, second, dweight);
    }

    /// Where the lanes of dy lie that the column's tap leads to from a lane of x.
    Index at(Column column, Index lane) const {
        return dy_pairs_.at(column.panel, lane + tiling_.lanes_to(2 - column.tap / 3, 2 - column.tap % 3));
    }

    /// 32 channels of x by 16 features.
    void add(const float* sums, Index first_tile, Column column, float* dweight) const {
        const Index c = first_tile * tile_side, f = column.panel * tile_side;
        const Index channels = std::min(block_side, size_.in - c), features = std::min(tile_side, size_.features - f);
        float* to = dweight + (column.tap * size_.in + c) * size_.features + f;
        for (Index i = 0; i < channels; ++i, to += size_.features, sums += block_side) {
            for (Index j = 0; j < features; ++j) to[j] += sums[j];
        }
    }

    ConvolutionSize size_;
    SplitTiling tiling_;
    SplitProduct to_x_;
    SplitTurned turned_x_;
    SplitPairs dy_pairs_;
};

}  // namespace daf::cpu
