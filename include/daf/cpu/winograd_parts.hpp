#pragma once
// The tensors of Winograd's convolution: transformed tiles, transformed weights, and the grid that tiles are
// cut from.
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/winograd_tiling.hpp>
#include <daf/cpu/winograd_transform.hpp>

namespace daf::cpu {

static_assert(WinogradTile(6).points == winograd::Tile<6>::points);
static_assert(WinogradTile::whole_map().points == winograd::WholeMap::points);

/// body.operator()<Way>() with the tile as a type.
template <class Body>
void with_tile(WinogradTile tile, const Body& body) {
    if (tile == WinogradTile::whole_map()) return body.template operator()<winograd::WholeMap>();
    switch (tile.outputs) {
        case 2: return body.template operator()<winograd::Tile<2>>();
        case 3: return body.template operator()<winograd::Tile<3>>();
        case 4: return body.template operator()<winograd::Tile<4>>();
        default: return body.template operator()<winograd::Tile<6>>();
    }
}

/// A strip of one map, with a border of pixels around its tiles or without: pixels whose channels lie side by
/// side, zeros outside the map.
template <class T>
class WinogradGrid {
  public:
    WinogradGrid(const WinogradTiling& tiling, Index channels, Index border)
        : tiling_(tiling), channels_(channels), border_(border) {}

    Index size() const { return height() * row(); }
    Index row() const {
        return spread_row<T>((tiling_.columns * tiling_.tile.outputs + 2 * border_) * channels_);
    }

    /// Zeros for the columns outside the map.
    void clear_border(T* grid) const {
        for (Index r = 0; r < height(); ++r, grid += row()) {
            std::fill_n(grid, border_ * channels_, T(0));
            std::fill(grid + (tiling_.width + border_) * channels_, grid + row(), T(0));
        }
    }

    /// Fills the rest, in a grid with a clear border, with a strip.
    void fill(Index strip_number, const MapRows<T>& rows, T* grid) const {
        const WinogradStrip strip(tiling_, strip_number);
        for (Index r = 0; r < height(); ++r) {
            const Index map_row = strip.first_row + r - border_;
            T* to = grid + r * row() + border_ * channels_;
            if (map_row >= 0 && map_row < tiling_.height) {
                rows(strip.image, map_row, to);
            } else {
                std::fill_n(to, tiling_.width * channels_, T(0));
            }
        }
    }

    /// body.operator()<Way>(pixels, tile) for every tile of a block's strip s, whose pixels (with the border)
    /// begin at `pixels` of the grid.
    template <class Body>
    void for_each_tile(const T* grid, Index s, const Body& body) const {
        with_tile(tiling_.tile, [&]<class Way> {
            tiling_.for_each_tile(s, [&](Index row, Index column, Index tile) {
                const T* pixels = grid + Way::outputs * (row * this->row() + column * channels_);
                body.template operator()<Way>(pixels, tile);
            });
        });
    }

  private:
    Index height() const { return tiling_.strip_rows * tiling_.tile.outputs + 2 * border_; }

    WinogradTiling tiling_;
    Index channels_, border_;
};

/// Channels of a product's result that a thread makes together from the same points, in whole panels:
/// while it makes a point's, the tiles that all these channels are made of stay in its own cache.
constexpr Index slice_width(Index panel) {
    return std::max(Index{64} / panel, Index{1}) * panel;
}

/// Tiles as columns of a product that sums over their channels, in at most two pieces.
template <class T>
struct TileColumns {
    Columns<T> first, rest;
    Sum first_sum, rest_sum;
};

/// Transformed tiles of a block, [point][tile][channel].
template <class T>
class WinogradTiles {
  public:
    WinogradTiles(const WinogradTiling& tiling, Index channels)
        : tiling_(tiling),
          channels_(channels),
          row_(spread_row<T>(panel_width<T>(channels) *
                             ((channels + panel_width<T>(channels) - 1) / panel_width<T>(channels)))),
          stride_(spread_point<T>(tiling.block_tiles() * row_)) {}

    Index size() const { return tiling_.points() * stride_; }
    Index row() const { return row_; }
    T* at(T* tiles, Index k) const { return tiles + k * stride_; }

    TileColumns<T> tiles(const T* tiles, Index k) const {
        return {{tiles + k * stride_, row_, 0, 1}, {}, {1, channels_}, {0, 0}};
    }
    /// Channels as columns of a product that sums over the tiles.
    Columns<T> channels(const T* tiles, Index k) const { return {tiles + k * stride_, 1, 0, row_}; }

    /// The windows of the block's strip s, out of a grid with a border.
    void windows(const WinogradGrid<T>& layout, const T* grid, Index s, T* tiles) const {
        layout.for_each_tile(grid, s, [&]<class Way>(const T* pixels, Index tile) {
            winograd::window<Way>(pixels, layout.row(), channels_, tiles + tile * row_, stride_,
                                  all_channels());
        });
    }
    /// The patches of the strip, which share no pixels, out of a grid without a border.
    void patches(const WinogradGrid<T>& layout, const T* grid, Index s, T* tiles) const {
        layout.for_each_tile(grid, s, [&]<class Way>(const T* pixels, Index tile) {
            winograd::patch<Way>(pixels, layout.row(), channels_, tiles + tile * row_, stride_,
                                 all_channels());
        });
    }

    /// Transforms the block's strip s back; its pixels begin at `corner`.
    void output(const T* tiles, Index s, const WinogradStrip& strip, const OutputFinish<T>& finish,
                T* corner) const {
        for (Index row = 0; row < tiling_.strip_rows; ++row)
            output_row(tiles, s, row, strip, finish, corner + row * tiling_.tile.outputs * map_row());
        if (finish.past_caches) finish_far_stores();
    }
    /// The strip's row-th row of tiles alone; its pixels begin at `corner`. Far stores are left unfinished.
    void output_row(const T* tiles, Index s, Index row, const WinogradStrip& strip,
                    const OutputFinish<T>& finish, T* corner) const {
        const bool past_caches = finish.past_caches && channels_ % lanes<T> == 0 && takes_far_stores(corner);
        with_tile(tiling_.tile, [&]<class Way> {
            constexpr Index side = Way::outputs;
            const T* from = tiles + (s * tiling_.strip_tiles() + row * tiling_.columns) * row_;
            for (Index column = 0; column < tiling_.columns; ++column, from += row_) {
                const winograd::OutputTile<T> to{corner + column * side * channels_,
                                                 map_row(),
                                                 std::min(side, strip.pixel_rows - side * row),
                                                 std::min(side, tiling_.width - side * column),
                                                 finish.bias,
                                                 past_caches};
                switch (finish.kind) {
                    case Finish::overwrite:
                        winograd::output<Way, Finish::overwrite>(from, stride_, channels_, to);
                        break;
                    case Finish::accumulate:
                        winograd::output<Way, Finish::accumulate>(from, stride_, channels_, to);
                        break;
                    case Finish::bias_relu:
                        winograd::output<Way, Finish::bias_relu>(from, stride_, channels_, to);
                        break;
                }
            }
        });
    }

  private:
    Index map_row() const { return tiling_.width * channels_; }
    winograd::Panels all_channels() const { return {channels_, 0, 0}; }

    WinogradTiling tiling_;
    Index channels_;
    Index row_, stride_;
};

/// Transformed windows of a block, in panels: [point][panel][tile][channel of the panel]. So they are both
/// sides of a product: the one that the SIMD lanes run over, and the columns of one that sums over their
/// channels.
template <class T>
class WinogradPackedTiles {
  public:
    WinogradPackedTiles(const WinogradTiling& tiling, Index channels)
        : tiling_(tiling),
          channels_(channels),
          width_(panel_width<T>(channels)),
          panel_(tiling.block_tiles() * width_),
          stride_(spread_point<T>(panels() * panel_)) {}

    Index size() const { return tiling_.points() * stride_; }
    Index panels() const { return (channels_ + width_ - 1) / width_; }
    Index width() const { return width_; }

    /// The windows of the block's strip s, out of a grid with a border.
    void windows(const WinogradGrid<T>& layout, const T* grid, Index s, T* packed) const {
        layout.for_each_tile(grid, s, [&]<class Way>(const T* pixels, Index tile) {
            winograd::window<Way>(pixels, layout.row(), channels_, packed, stride_,
                                  winograd::Panels{width_, panel_, tile});
        });
    }

    /// sums (+)= columns^T packed[k] over the first `tiles` tiles, for the channels of one panel.
    void multiply(const T* packed, Index k, Index panel, const Columns<T>& columns, Index in, Index tiles,
                  T* sums, Index sums_row, bool accumulate) const {
        multiply_panel(width_ / lanes<T>, Sum{1, tiles}, packed + k * stride_ + panel * panel_, columns, in,
                       sums, sums_row, width_, accumulate);
    }

    TileColumns<T> tiles(const T* packed, Index k) const {
        const Index full = channels_ / width_;
        const T* from = packed + k * stride_;
        return {{from, width_, panel_, 1},
                {from + full * panel_, width_, 0, 1},
                {full, width_},
                {1, channels_ % width_}};
    }

  private:
    WinogradTiling tiling_;
    Index channels_;
    Index width_, panel_, stride_;
};

/// to (3,3,features,in) = weight (3,3,in,features) turned round: of the convolution that takes dy to dx.
template <class T>
void turn_weights(Cpu& ctx, const T* weight, Index in, Index features, T* to) {
    // Two threads do not write the same cache line.
    constexpr Index side = lanes<T>, run = std::max(side, 64 / static_cast<Index>(sizeof(T)));
    ctx.parallel((in + run - 1) / run, [&](Index piece) {
        const Index first = piece * run, last = std::min(first + run, in);
        const Index square_features = features / side * side;
        for (Index tap = 0; tap < 9; ++tap) {
            const T* from = weight + tap * in * features;
            T* turned = to + (8 - tap) * features * in;
            for (Index i = first; i < last; i += side) {
                const bool squares = i + side <= last;
                for (Index o = 0; squares && o < square_features; o += side)
                    transpose_square(from + i * features + o, features, turned + o * in + i, in);
                for (Index o = squares ? square_features : 0; o < features; ++o) {
                    for (Index c = i; c < std::min(i + side, last); ++c)
                        turned[o * in + c] = from[c * features + o];
                }
            }
        }
    });
}

/// Transformed weights, [point][panel][in][channel of the panel], from in to `out` channels: all of them, or
/// a piece, which is a part of the rows of points of one slice of the output channels.
template <class T>
class WinogradWeights {
  public:
    WinogradWeights(Index in, Index out, WinogradTile tile)
        : in_(in),
          out_(out),
          tile_(tile),
          width_(panel_width<T>(out)),
          panel_(in * width_),
          stride_(spread_point<T>(panels() * panel_)),
          slice_(std::min(slice_width(width_), panels() * width_)),
          piece_stride_(spread_point<T>(in * slice_)) {}

    Index size() const { return side() * side() * stride_; }
    Index piece_size() const { return WinogradTiling::rows_at_once * side() * piece_stride_; }
    Index slices() const { return (out_ + slice_ - 1) / slice_; }

    /// From weights (3,3,in,out).
    void transform(Cpu& ctx, const T* weight, T* transformed) const {
        if (out_ % width_ != 0) clear_panel(transformed + (panels() - 1) * panel_, side() * side(), stride_);
        const Index parts = chunks_for(in_);
        with_tile(tile_, [&]<class Way> {
            ctx.parallel(parts, [&](Index part) {
                const Range in = part_of(in_, parts, part);
                winograd::weights<Way>(weight + in.first * out_, in_ * out_, out_, in.size(), out_,
                                       {0, side()}, transformed, stride_, {width_, panel_, in.first});
            });
        });
    }

    /// out = tiles U[k], `out` being the k-th point's.
    void multiply(const T* transformed, Index k, const TileColumns<T>& tiles, Index count, T* out,
                  Index out_row) const {
        for (Index panel = 0; panel < panels(); ++panel)
            multiply_panel(transformed + k * stride_ + panel * panel_, tiles, count, out + panel * width_,
                           out_row);
    }
    /// out[k] = tiles[k] U[k] for the channels of a slice and the points of some rows, out of weights
    /// (3,3,in,out). Rows are made together, since their taps come from far.
    template <class Tiles>
    void transform_and_multiply(const T* weight, Index slice, Range rows, T* piece, const Tiles& layout,
                                const T* tiles, Index count, const WinogradTiles<T>& out_layout,
                                T* out) const {
        const Index first = slice * slice_, last = std::min(first + slice_, out_);
        if (last % width_ != 0)
            clear_panel(piece + (last - first) / width_ * panel_, rows.size() * side(), piece_stride_);
        with_tile(tile_, [&]<class Way> {
            winograd::weights<Way>(weight + first, in_ * out_, out_, in_, last - first, rows, piece,
                                   piece_stride_, {width_, panel_, 0});
        });
        for (Index k = rows.first * side(); k < rows.last * side(); ++k, piece += piece_stride_) {
            const T* panel = piece;
            for (Index channel = first; channel < last; channel += width_, panel += panel_)
                multiply_panel(panel, layout.tiles(tiles, k), count, out_layout.at(out, k) + channel,
                               out_layout.row());
        }
    }

  private:
    Index side() const { return tile_.points; }
    Index panels() const { return (out_ + width_ - 1) / width_; }
    /// Zeros for the channels beyond the last one: of the panel that it is in, at some points.
    void clear_panel(T* panel, Index points, Index stride) const {
        for (Index k = 0; k < points; ++k) std::fill_n(panel + k * stride, panel_, T(0));
    }
    /// Panels of tiles that a product sums over at once. Columns that lie in more pieces come slower than a
    /// result that is added to (docs/performance.md).
    static constexpr Index most_panels = 8;

    void multiply_panel(const T* panel, const TileColumns<T>& tiles, Index count, T* out,
                        Index out_row) const {
        bool accumulate = false;
        const auto add = [&](Sum sum, const Columns<T>& columns) {
            if (sum.size() == 0) return;
            cpu::multiply_panel(width_ / lanes<T>, sum, panel, columns, count, out, out_row, width_,
                                accumulate);
            panel += sum.size() * width_;
            accumulate = true;
        };
        const auto [panels, channels] = tiles.first_sum;
        for (Index done = 0; done < panels; done += most_panels) {
            Columns<T> columns = tiles.first;
            columns.data += done * columns.outer;
            add({std::min(panels - done, most_panels), channels}, columns);
        }
        add(tiles.rest_sum, tiles.rest);
    }

    Index in_, out_, side_;
    WinogradTile tile_;
    Index width_, panel_, stride_;
    Index slice_, piece_stride_;
};

}  // namespace daf::cpu
