#pragma once
// The 3x3 convolution of stride 1 backwards on matrix tiles: dx, the convolution of dy with the turned
// weights, and
//
//   dw[tap][c][f] = sum over the lanes l of x of x[l][c] dy[l - tap][f]
//
// Both from one pass over x and dy, which may be made row by row as they are needed.
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/split_convolution.hpp>

namespace daf::cpu {

class SplitBackward {
  public:
    SplitBackward(const ConvolutionSize& size, Index count)
        : size_(size),
          tiling_(SplitTiling::of(size, count, least_blocks)),
          to_x_(tiling_, size.features, size.channels),
          turned_x_(tiling_, size.channels),
          dy_pairs_(tiling_, to_x_.grid(), size.features) {}

    Index scratch(int threads) const {
        return scratch_size<float>(to_x_.weights().size()) + scratch_size<bf16>(to_x_.grid().size()) +
               scratch_size<bf16>(turned_x_.size()) + scratch_size<bf16>(dy_pairs_.size()) +
               scratch_size<float>(weight_pieces() * block_size) +
               ThreadScratch::size(threads, scratch_size<float>(row_size()));
    }

    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const float* weight, const MapRows<float>& x,
             const MapRows<float>& dy, float* dx, bool accumulate, float* dweight) const {
        auto* weights = frame.take<float>(to_x_.weights().size());
        auto* grid = frame.take<bf16>(to_x_.grid().size());
        auto* turned = frame.take<bf16>(turned_x_.size());
        auto* pairs = frame.take<bf16>(dy_pairs_.size());
        auto* sums = frame.take<float>(weight_pieces() * block_size);
        ThreadScratch own(frame, ctx.threads(), scratch_size<float>(row_size()));
        const PerThread<float> rows = own.take<float>(row_size());
        if (dx != nullptr) to_x_.weights().transform_turned(ctx, weight, weights);
        const OutputFinish<float> finish{accumulate ? Finish::accumulate : Finish::overwrite, nullptr};
        for (Index u = 0; u < tiling_.units(); ++u) {
            const Range strips = tiling_.strips_of(u);
            lay_out(ctx, strips, x, dy, rows, turned, grid);
            ctx.parallel(dy_pairs_.pieces(), [&](Index piece) { dy_pairs_.fill(grid, piece, pairs); });
            const Index for_weights = weight_pieces(), for_x = dx == nullptr ? 0 : to_x_.pieces();
            ctx.parallel(for_weights + for_x, [&](Index piece) {
                if (piece < for_weights) {
                    add_weights(turned, pairs, strips, piece, u == 0, sums + piece * block_size);
                } else {
                    to_x_.run(weights, grid, strips, piece - for_weights, dx, finish);
                }
            });
        }
        add_sums(ctx, sums, dweight);
    }

  private:
    static constexpr Index block_size = block_side * block_side;
    /// A piece of dw adds up all blocks of a unit: enough of them to be worth its writing down.
    static constexpr Index least_blocks = 32;

    Index row_size() const { return std::max(to_x_.grid().row_size(), turned_x_.row_size()); }

    void lay_out(Cpu& ctx, Range strips, const MapRows<float>& x, const MapRows<float>& dy,
                 const PerThread<float>& rows, bf16* turned, bf16* grid) const {
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

    /// 16 columns of B: a panel of features, met by a tap.
    struct Column {
        Index panel, tap;
        friend bool operator==(Column, Column) = default;
    };

    /// Pieces of dw: pairs of columns by pairs of rows.
    Index column_pairs() const { return panels() / 2 * 9 + panels() % 2 * 5; }
    Index row_pairs() const { return (turned_x_.tiles() + 1) / 2; }
    Index weight_pieces() const { return column_pairs() * row_pairs(); }
    Index panels() const { return dy_pairs_.panels(); }

    struct Piece {
        Index column_pair, row_pair;
    };
    /// Columns in groups that stay in a core's second-level cache while all rows pass.
    Piece piece_at(Index piece) const {
        constexpr Index near_bytes = Index{1} << 20;
        const Index panel_pair_bytes = 2 * dy_pairs_.size() / panels() * static_cast<Index>(sizeof(bf16));
        const Index group = std::max<Index>(near_bytes / panel_pair_bytes, 1) * 9;
        const Index first = piece / (group * row_pairs()) * group;
        const Index columns = std::min(group, column_pairs() - first), i = piece - first * row_pairs();
        return {first + i % columns, i / columns};
    }

    /// Two columns that read nearly the same lanes, so that the second finds them in the nearest cache: taps
    /// of one panel two lanes or two rows apart. Across, a block is one pixel, and only the same tap finds
    /// the same pixel.
    std::pair<Column, Column> columns_of(Index pair) const {
        constexpr Index taps[4][2] = {{0, 2}, {6, 8}, {3, 5}, {1, 7}}, middle = 4;
        const Index panel = pair / 9 * 2, i = pair % 9;
        if (tiling_.across) return {{panel, i}, {panel + 1, i}};
        if (i < 4) return {{panel, taps[i][0]}, {panel, taps[i][1]}};
        if (panel + 1 == panels()) return {{panel, middle}, {panel, middle}};
        if (i < 8) return {{panel + 1, taps[i - 4][0]}, {panel + 1, taps[i - 4][1]}};
        return {{panel, middle}, {panel + 1, middle}};
    }

    /// sums = or += one piece over a unit.
    void add_weights(const bf16* turned, const bf16* pairs, Range strips, Index piece, bool first_unit,
                     float* sums) const {
        const MatrixTiles tiles;
        const auto [columns, row_pair] = piece_at(piece);
        const auto [first, second] = columns_of(columns);
        const Index first_tile = row_pair * 2;
        const Index second_tile = std::min(first_tile + 1, turned_x_.tiles() - 1);
        if (!first_unit) {
            for (Index i = 0; i < block_size; i += 16) __builtin_prefetch(sums + i, 1);
        }
        TileBlock product;
        for (Index s = 0; s < strips.size(); ++s) {
            const Index first_block = s * tiling_.strip_blocks();
            const Index first_lane = s * tiling_.bordered_lanes();
            for (Index block = 0; block < tiling_.strip_blocks(); ++block) {
                if (tiling_.across && !SplitTaps(tiling_, block).meet(2 - first.tap / 3, 2 - first.tap % 3)) {
                    continue;
                }
                const Index lane = first_lane + block * block_side;
                product.add(turned_x_.rows(turned, first_tile, second_tile, first_block + block),
                            {pairs + at(first, lane), pairs + at(second, lane), dy_pairs_.low()});
            }
        }
        if (first_unit) {
            product.store(sums);
            return;
        }
        alignas(64) float part[block_size];
        product.store(part);
        for_each_packet<float>(block_size, [&]<class P>(Index i) {
            packet::pstoreu(sums + i, packet::padd(packet::ploadu<P>(sums + i), packet::ploadu<P>(part + i)));
        });
    }

    /// Where the lanes of dy lie that the column's tap leads to from a lane of x.
    Index at(Column column, Index lane) const {
        return dy_pairs_.at(column.panel, lane + tiling_.lanes_to(2 - column.tap / 3, 2 - column.tap % 3));
    }

    /// dweight += the pieces' sums.
    void add_sums(Cpu& ctx, const float* sums, float* dweight) const {
        ctx.parallel(weight_pieces(), [&](Index piece) {
            const auto [columns, row_pair] = piece_at(piece);
            const auto [first, second] = columns_of(columns);
            const float* from = sums + piece * block_size;
            add_column(from, row_pair, first, dweight);
            if (second != first) add_column(from + tile_side, row_pair, second, dweight);
        });
    }

    /// 32 channels of x by 16 features.
    void add_column(const float* sums, Index row_pair, Column column, float* dweight) const {
        const Index c = row_pair * block_side, f = column.panel * tile_side;
        const Index channels = std::min(block_side, size_.channels - c),
                    features = std::min(tile_side, size_.features - f);
        float* to = dweight + (column.tap * size_.channels + c) * size_.features + f;
        for (Index i = 0; i < channels; ++i, to += size_.features, sums += block_side) {
            for_each_packet<float>(features, [&]<class P>(Index j) {
                packet::pstoreu(to + j, packet::padd(packet::ploadu<P>(to + j), packet::ploadu<P>(sums + j)));
            });
        }
    }

    ConvolutionSize size_;
    SplitTiling tiling_;
    SplitProduct to_x_;
    SplitTurned turned_x_;
    SplitPairs dy_pairs_;
};

}  // namespace daf::cpu
