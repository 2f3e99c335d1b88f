#pragma once
// What the direct convolution's forward pass and data gradient share: the product of packed weights with
// patches of a zero-padded copy of one image.
#include <algorithm>
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/gemm.hpp>

namespace daf::cpu {

/// Writes rows of an image into the middle of a zeroed grid of (height + K - 1) x (width + K - 1) pixels,
/// every pixel `step` from the next; `before` zero pixels stand above and to the left.
template <class T>
void place_in_grid(const MapRows<T>& maps, Index image, Range rows, Index columns, Index channels, Index step,
                   Index before, Index grid_width, T* grid) {
    for (Index r = rows.first; r < rows.last; ++r) {
        T* to = grid + ((before + r * step) * grid_width + before) * channels;
        maps(image, r, to);
        if (step == 1) continue;
        // From the last on: a pixel's new place has been left by then, or was never taken.
        for (Index c = columns - 1; c > 0; --c) {
            std::copy_n(to + c * channels, channels, to + c * step * channels);
            std::fill_n(to + c * channels, channels, T(0));
        }
    }
}

/// Pixels that are multiplied at once, where that is not a row: a whole map of so few that (of 32 registers)
/// they are one register block, and each weight is read once for all of them.
inline constexpr Index joined_pixels = 12;
constexpr bool joins_pixels(Index rows, Index columns) {
    return rows > 1 && rows * columns <= joined_pixels;
}

/// A convolution of images with packed weights: y of x, or dx of dy. The product reads patches where they lie
/// in the grid, a row of the target at a time; those of a small map (joins_pixels) are copied side by side
/// first.
template <class T>
class GridConvolution {
  public:
    /// x -> y
    static GridConvolution forward(const ConvolutionSize& size) {
        return {size,        Map{size.height, size.width, size.channels},
                1,           Map{size.out_height(), size.out_width(), size.features},
                size.stride, false};
    }
    /// dy -> dx: the weights are turned round, and a stride spreads dy over the grid.
    static GridConvolution data_gradient(const ConvolutionSize& size) {
        return {size,        Map{size.out_height(), size.out_width(), size.features},
                size.stride, Map{size.height, size.width, size.channels},
                1,           true};
    }

    /// Elements of the packed weights, and of the grid of one image with the patches behind it.
    Index packed_size() const { return panels() * panel_size(); }
    Index grid_size() const { return pixels_size() + (joined_ ? to_.rows * to_.columns * sum_size() : 0); }
    /// Whether a panel's product takes all of an image at once.
    bool joined() const { return joined_; }
    /// Panels of output channels, and rows, into which an image's work may be cut.
    Index panels() const { return (to_.channels + panel_width() - 1) / panel_width(); }
    Index rows() const { return to_.rows; }

    /// weight (K,K,in,features): its features run over the target's channels, or turned round over the
    /// source's.
    void pack(Cpu& ctx, const T* weight, T* packed) const {
        ctx.parallel(panels(), [&](Index panel) {
            const Index first = panel * panel_width(), m = std::min(panel_width(), to_.channels - first);
            const Index row = turned_ ? from_.channels : 1;
            pack_panels<T>(packed + panel * panel_size(), m, sum_size(), packets_, row, [&](Index t) {
                if (!turned_) return weight + t * to_.channels + first;
                const Index tap = kernel_ * kernel_ - 1 - t / from_.channels;
                return weight + (tap * to_.channels + first) * from_.channels + t % from_.channels;
            });
        });
    }

    /// Before the first image.
    void clear(T* grid) const { std::fill_n(grid, pixels_size(), T(0)); }
    /// Places rows of an image in a grid that is zero elsewhere.
    void place(const MapRows<T>& maps, Index image, Range rows, T* grid) const {
        place_in_grid(maps, image, rows, from_.columns, from_.channels, spread_, kernel_ / 2, grid_width_,
                      grid);
    }
    Index source_rows() const { return from_.rows; }
    /// Once all rows are in their places: before multiply().
    void join(T* grid) const {
        if (!joined_) return;
        const Index row = kernel_ * from_.channels, grid_row = grid_width_ * from_.channels;
        T* to = grid + pixels_size();
        for (Index r = 0; r < to_.rows; ++r) {
            for (Index c = 0; c < to_.columns; ++c) {
                const T* patch = grid + stride_ * (r * grid_row + c * from_.channels);
                for (Index ky = 0; ky < kernel_; ++ky, to += row) std::copy_n(patch + ky * grid_row, row, to);
            }
        }
    }

    /// Rows and panels of the target, whose first of these rows is at `target`.
    void multiply(const T* packed, const T* grid, Range rows, Range panels, T* target,
                  bool accumulate) const {
        const Index grid_row = grid_width_ * from_.channels;
        const Store store = overwrite_or_add(accumulate);
        const Sum sum{kernel_, kernel_ * from_.channels};
        for (Index panel = panels.first; panel < panels.last; ++panel) {
            const Index first = panel * panel_width();
            if (joined_) {
                const Index column = sum_size();
                const Columns<T> patches{grid + pixels_size() + rows.first * to_.columns * column, column, 0,
                                         1};
                multiply_panel(packets_, Sum{1, column}, packed + panel * panel_size(), patches,
                               rows.size() * to_.columns, target + first, to_.channels, to_.channels - first,
                               store);
                continue;
            }
            for (Index r = rows.first; r < rows.last; ++r) {
                const Columns<T> pixels{grid + r * stride_ * grid_row, stride_ * from_.channels, grid_row, 1};
                multiply_panel(packets_, sum, packed + panel * panel_size(), pixels, to_.columns,
                               target + (r - rows.first) * to_.columns * to_.channels + first, to_.channels,
                               to_.channels - first, store);
            }
        }
    }

  private:
    struct Map {
        Index rows, columns, channels;
    };

    GridConvolution(const ConvolutionSize& size, Map from, Index spread, Map to, Index stride, bool turned)
        : kernel_(size.kernel),
          from_(from),
          spread_(spread),
          to_(to),
          stride_(stride),
          turned_(turned),
          grid_width_(size.width + size.border()),
          grid_height_(size.height + size.border()),
          joined_(joins_pixels(to.rows, to.columns)),
          packets_(panel_packets<T>(to.channels, joined_ ? joined_pixels : to.columns)) {}

    Index pixels_size() const { return grid_height_ * grid_width_ * from_.channels; }
    Index sum_size() const { return kernel_ * kernel_ * from_.channels; }
    Index panel_width() const { return packets_ * lanes<T>; }
    Index panel_size() const { return panel_width() * sum_size(); }

    Index kernel_;
    Map from_;
    Index spread_;
    Map to_;
    Index stride_;
    bool turned_;
    Index grid_width_, grid_height_;
    bool joined_;
    Index packets_;
};

}  // namespace daf::cpu
