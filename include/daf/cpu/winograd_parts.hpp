#pragma once
// The maps of Winograd's convolution: transformed tiles, and the grid that they are cut from.
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/winograd_tiling.hpp>
#include <daf/cpu/winograd_weight_transform.hpp>

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

    /// body.operator()<Way>(pixels, tile) for every tile of a block's strip s, whose first pixel (with the
    /// border) is the first of `pixels`.
    template <class Body>
    void for_each_tile(const T* grid, Index s, const Body& body) const {
        with_tile(tiling_.tile, [&]<class Way> {
            tiling_.for_each_tile(s, [&](Index row, Index column, Index tile) {
                const T* first = grid + Way::outputs * (row * this->row() + column * channels_);
                body.template operator()<Way>(Pixels{first, this->row(), channels_}, tile);
            });
        });
    }

  private:
    using Pixels = winograd::Square<const T>;
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

    /// Some of the channels.
    TileColumns<T> tiles(const T* tiles, Index k, Range channels) const {
        return {{tiles + k * stride_ + channels.first, row_, 0, 1}, {}, {1, channels.size()}, {0, 0}};
    }
    /// Channels as columns of a product that sums over the tiles.
    Columns<T> channels(const T* tiles, Index k) const { return {tiles + k * stride_, 1, 0, row_}; }

    /// The windows of the block's strip s, out of a grid with a border.
    void windows(const WinogradGrid<T>& layout, const T* grid, Index s, T* tiles, bool past_caches) const {
        for_each_run(layout, grid, s, tiles, [&]<class Way>(const Pixels& pixels, Index channels, T* to) {
            winograd::window<Way>(pixels, channels, to, stride_, past_caches);
        });
    }
    /// The patches of the strip, which share no pixels, out of a grid without a border.
    void patches(const WinogradGrid<T>& layout, const T* grid, Index s, T* tiles, bool past_caches) const {
        for_each_run(layout, grid, s, tiles, [&]<class Way>(const Pixels& pixels, Index channels, T* to) {
            winograd::patch<Way>(pixels, channels, to, stride_, past_caches);
        });
    }

    /// Transforms the block's strip s back; its pixels begin at `corner`. past_caches: stored_past_caches(),
    /// and nothing is added to.
    void output(const T* tiles, Index s, const WinogradStrip& strip, const OutputFinish<T>& finish, T* corner,
                bool past_caches = false) const {
        past_caches = past_caches && takes_far_stores(corner);
        for (Index row = 0; row < tiling_.strip_rows; ++row)
            output_row(tiles, s, row, strip, finish, corner + row * tiling_.tile.outputs * map_row(),
                       past_caches);
        if (past_caches) finish_far_stores();
    }
    /// The strip's row-th row of tiles alone; its pixels begin at `corner`.
    void output_row(const T* tiles, Index s, Index row, const WinogradStrip& strip,
                    const OutputFinish<T>& finish, T* corner, bool past_caches = false) const {
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
    using Pixels = winograd::Square<const T>;
    Index map_row() const { return tiling_.width * channels_; }

    /// body.operator()<Way>(pixels, channels, to) for every tile of the strip, a run of its channels after
    /// the other.
    template <class Body>
    void for_each_run(const WinogradGrid<T>& layout, const T* grid, Index s, T* tiles,
                      const Body& body) const {
        layout.for_each_tile(grid, s, [&]<class Way>(const Pixels& pixels, Index tile) {
            winograd::Panels{channels_, 0, 0}.for_each_run<T>(
                channels_, [&](Index first, Index count, Index at) {
                    body.template operator()<Way>(pixels.from(first), count, tiles + tile * row_ + at);
                });
        });
    }

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

    /// The windows of the block's strip s, out of a grid with a border. A run of channels of all its tiles
    /// comes before the next run: so what is stored, and what stores ask for ahead, lies side by side.
    void windows(const WinogradGrid<T>& layout, const T* grid, Index s, T* packed, bool past_caches) const {
        winograd::Panels{width_, panel_, 0}.for_each_run<T>(
            channels_, [&](Index first, Index count, Index at) {
                layout.for_each_tile(
                    grid, s, [&]<class Way>(const winograd::Square<const T>& pixels, Index tile) {
                        winograd::window<Way>(pixels.from(first), count, packed + at + tile * width_, stride_,
                                              past_caches);
                    });
            });
    }

    /// The first `tiles` tiles of a panel, as what a product reads next.
    Upcoming<T> panel(const T* packed, Index k, Index panel, Index tiles) const {
        return {packed + k * stride_ + panel * panel_, tiles * width_};
    }
    /// sums (+)= columns^T packed[k] over the first `tiles` tiles, for the channels of one panel.
    void multiply(const T* packed, Index k, Index panel, const Columns<T>& columns, Index in, Index tiles,
                  T* sums, Index sums_row, bool accumulate, const Upcoming<T>& upcoming) const {
        multiply_panel(width_ / lanes<T>, Sum{1, tiles}, this->panel(packed, k, panel, tiles).data, columns,
                       in, sums, sums_row, width_, overwrite_or_add(accumulate), upcoming);
    }

    /// Some of the channels, from the first of a panel on.
    TileColumns<T> tiles(const T* packed, Index k, Range channels) const {
        const Index full = channels.size() / width_;
        const T* from = packed + k * stride_ + channels.first / width_ * panel_;
        return {{from, width_, panel_, 1},
                {from + full * panel_, width_, 0, 1},
                {full, width_},
                {1, channels.size() % width_}};
    }

  private:
    WinogradTiling tiling_;
    Index channels_;
    Index width_, panel_, stride_;
};

}  // namespace daf::cpu
