#pragma once
// Winograd's convolution backwards: dx, the convolution of dy with the turned weights, and
//
//   dU[k] = sum over the tiles of V[k]^T W[k],   W = A dy A^T,   dw = G^T dU G
//
// Both from one pass over dy and x, which may be made row by row as they are needed.
#include <daf/cpu/winograd_parts.hpp>

namespace daf::cpu {

template <class T>
class WinogradBackward {
  public:
    WinogradBackward(const ConvolutionSize& size, Index count, Index tile)
        : size_(size),
          tiling_(WinogradTiling::of(
              size, count, tile,
              {size.in + 2 * size.features, std::max(size.in, size.features), 2, sizeof(T)})),
          weights_(size.features, size.in, tile),
          x_(tiling_, size.in),
          dy_(tiling_, size.features),
          packed_dy_(tiling_, size.features),
          x_grid_(tiling_, size.in),
          dy_grid_(tiling_, size.features),
          sums_row_(panel_width<T>(size.features) * packed_dy_.panels()),
          sums_stride_(spread_point<T>(size.in * sums_row_)) {}

    Index scratch(int threads) const {
        return scratch_size<T>(size_.weights()) + scratch_size<T>(weights_.size(tiling_.point_rows)) +
               scratch_size<T>(tiling_.chunks * sums_size()) +
               owners(threads) * scratch_size<T>(block_size()) +
               threads * (scratch_size<T>(x_grid_.size()) + scratch_size<T>(dy_grid_.size()));
    }

    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, const MapRows<T>& dy, T* dx,
             bool accumulate, T* dweight) const {
        const int threads = ctx.threads();
        const Index side = tiling_.side(), step = tiling_.point_rows;
        T* turned = frame.take<T>(size_.weights());
        T* transformed = frame.take<T>(weights_.size(step));
        T* sums = frame.take<T>(tiling_.chunks * sums_size());
        PerThread<T> blocks(frame, owners(threads), block_size());
        PerThread<T> x_grids(frame, threads, x_grid_.size()), dy_grids(frame, threads, dy_grid_.size());
        for (int i = 0; i < threads; ++i) {
            x_grid_.clear_border(x_grids.of(i));
            dy_grid_.clear_border(dy_grids.of(i));
        }
        if (dx != nullptr) {
            turn_weights(ctx, weight, size_.in, size_.features, turned);
            if (step == side) weights_.transform(ctx, turned, {0, side}, transformed);
        }
        const OutputFinish<T> finish{accumulate ? Finish::accumulate : Finish::overwrite, nullptr};
        ctx.parallel(tiling_.chunks, [&](Index chunk, int owner) {
            T* x_tiles = blocks.of(owner);
            T* packed = x_tiles + x_.size();
            T* dy_tiles = packed + packed_dy_.size();
            T* chunk_sums = sums + chunk * sums_size();
            const Range own = part_of(tiling_.blocks(), tiling_.chunks, chunk);
            for (Index b = own.first; b < own.last; ++b) {
                const Range strips = tiling_.strips_of(b);
                const Index tiles = strips.size() * tiling_.strip_tiles();
                ctx.parallel(strips.size(), [&](Index s, int worker) {
                    x_grid_.fill(strips.first + s, x, x_grids.of(worker));
                    x_.input(x_grids.of(worker), s, x_tiles);
                    dy_grid_.fill(strips.first + s, dy, dy_grids.of(worker));
                    packed_dy_.output_gradient(dy_grids.of(worker), s, packed);
                    if (dx != nullptr) dy_.input(dy_grids.of(worker), s, dy_tiles);
                });
                for (Index row = 0; row < side; row += step) {
                    const WinogradPieces to_sums(tiling_, step, packed_dy_.panels());
                    ctx.parallel(to_sums.count(), [&](Index piece) {
                        const Index at = to_sums.point(piece), k = row * side + at;
                        packed_dy_.multiply(packed, k, to_sums.panels(piece), x_.channels(x_tiles, k),
                                            size_.in, tiles, chunk_sums + at * sums_stride_, sums_row_,
                                            b > own.first);
                    });
                    if (step < side) add_sums(ctx, {row, row + step}, sums, dweight);
                    if (dx == nullptr) continue;
                    if (step < side) weights_.transform(ctx, turned, {row, row + step}, transformed);
                    // x's tiles have been read: dx's take their place.
                    const WinogradPieces to_dx(tiling_, step, weights_.panels());
                    ctx.parallel(to_dx.count(), [&](Index piece) {
                        const Index at = to_dx.point(piece), k = row * side + at;
                        weights_.multiply(transformed, at, to_dx.panels(piece), dy_.tiles(dy_tiles, k), tiles,
                                          x_.at(x_tiles, k), x_.row());
                    });
                }
                if (dx == nullptr) continue;
                ctx.parallel(strips.size(), [&](Index s) {
                    x_.output(x_tiles, s, WinogradStrip(tiling_, strips.first + s), finish, dx);
                });
            }
        });
        if (step == side) add_sums(ctx, {0, side}, sums, dweight);
    }

  private:
    /// dweight += what the sums of some rows of points give.
    void add_sums(Cpu& ctx, Range rows, const T* sums, T* dweight) const {
        const Index pieces = chunks_for(size_.in);
        with_tile(tiling_.tile, [&](auto m) {
            ctx.parallel(pieces, [&](Index piece) {
                const auto [first, last] = part_of(size_.in, pieces, piece);
                for (Index i = first; i < last; ++i) {
                    winograd::weight_gradient<m>(sums + i * sums_row_, sums_stride_, tiling_.chunks,
                                                 sums_size(), size_.features, rows,
                                                 dweight + i * size_.features, size_.in * size_.features);
                }
            });
        });
    }

    int owners(int threads) const { return tiling_.chunks > 1 ? threads : 1; }
    Index block_size() const { return x_.size() + packed_dy_.size() + dy_.size(); }
    Index sums_size() const { return tiling_.point_rows * tiling_.side() * sums_stride_; }

    ConvolutionSize size_;
    WinogradTiling tiling_;
    WinogradWeights<T> weights_;
    WinogradTiles<T> x_, dy_;
    WinogradPackedTiles<T> packed_dy_;
    WinogradGrid<T> x_grid_, dy_grid_;
    Index sums_row_, sums_stride_;
};

}  // namespace daf::cpu
