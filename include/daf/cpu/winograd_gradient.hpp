#pragma once
// Winograd's convolution backwards: dx, the convolution of dy with the turned weights, and dw, whose taps,
// turned round, are sums over patches of x and the windows of dy about them:
//
//   dx:  M[k] = V[k] U[k],   V = B^T dy B
//   dw:  dU[k] = sum over the tiles of W[k]^T V[k],   W = A x A^T,   turned dw = G^T dU G
//
// So dy is transformed once for both. x and dy may be made row by row as they are needed.
#include <daf/cpu/winograd_weights.hpp>

namespace daf::cpu {

template <class T>
class WinogradBackward {
  public:
    WinogradBackward(const ConvolutionSize& size, Index count, WinogradTile tile)
        : size_(size),
          tiling_(WinogradTiling::of(
              size, count, tile,
              {size.channels + size.features, std::max(size.channels, size.features), 2, sizeof(T)})),
          weights_(size.features, size.channels, tile),
          x_(tiling_, size.channels),
          dy_(tiling_, size.features),
          x_grid_(tiling_, size.channels, 0),
          dy_grid_(tiling_, size.features, tile.border),
          slice_(std::min(slice_width(dy_.width()), dy_.width() * dy_.panels())),
          sums_row_(dy_.width() * dy_.panels()),
          sums_stride_(spread_point<T>(size.channels * sums_row_)) {}

    Index scratch(int threads) const {
        const Index weights = tiling_.by_slices ? 0
                                                : scratch_size<T>(weights_.size()) +
                                                      scratch_size<T>(tiling_.chunks * sums_size());
        return scratch_size<T>(weights_.laid_out_size()) + weights +
               (spread() ? 0 : scratch_size<T>(block_size())) + ThreadScratch::size(threads, own_size());
    }

    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, const MapRows<T>& dy, T* dx,
             bool accumulate, T* dweight) const {
        const int threads = ctx.threads();
        T* turned = frame.take<T>(weights_.laid_out_size());
        T* transformed = tiling_.by_slices ? nullptr : frame.take<T>(weights_.size());
        T* sums = tiling_.by_slices ? nullptr : frame.take<T>(tiling_.chunks * sums_size());
        ThreadScratch own(frame, threads, own_size());
        const PerThread<T> pieces = own.take<T>(tiling_.by_slices ? piece_size() : 0);
        const PerThread<T> blocks =
            spread() ? own.take<T>(block_size()) : PerThread<T>(frame.take<T>(block_size()));
        const PerThread<T> x_grids = own.take<T>(x_grid_.size()), dy_grids = own.take<T>(dy_grid_.size());
        for (int i = 0; i < threads; ++i) {
            x_grid_.clear_border(x_grids.of(i));
            dy_grid_.clear_border(dy_grids.of(i));
        }
        if (dx != nullptr) {
            turn_weights(ctx, weight, size_.channels, size_.features, weights_.by_slices(), turned);
            if (!tiling_.by_slices) weights_.transform(ctx, turned, weights_.by_slices(), transformed);
        }
        const bool tiles_past_caches = tiling_.hands_past_caches<T>(ctx, block_size());
        const bool dx_past_caches =
            !accumulate && stored_past_caches<T>(size_.x_size() * tiling_.count, size_.channels);
        const OutputFinish<T> finish{accumulate ? Finish::accumulate : Finish::overwrite};
        ctx.parallel(tiling_.chunks, [&](Index chunk, int owner) {
            T* x_tiles = blocks.of(owner);
            T* dy_tiles = x_tiles + x_.size();
            T* chunk_sums = sums + chunk * sums_size();
            const Range chunk_blocks = part_of(tiling_.blocks(), tiling_.chunks, chunk);
            for (Index b = chunk_blocks.first; b < chunk_blocks.last; ++b) {
                const Range strips = tiling_.strips_of(b);
                const Index tiles = strips.size() * tiling_.strip_tiles();
                ctx.parallel(strips.size(), [&](Index s, int worker) {
                    x_grid_.fill(strips.first + s, x, x_grids.of(worker));
                    x_.patches(x_grid_, x_grids.of(worker), s, x_tiles, tiles_past_caches);
                    dy_grid_.fill(strips.first + s, dy, dy_grids.of(worker));
                    dy_.windows(dy_grid_, dy_grids.of(worker), s, dy_tiles, tiles_past_caches);
                    if (tiles_past_caches) finish_far_stores();
                });
                if (tiling_.by_slices) {
                    multiply_by_slices(ctx, pieces, x_tiles, dy_tiles, tiles, tiles_past_caches,
                                       dx ? turned : nullptr, dweight);
                } else {
                    multiply(ctx, x_tiles, dy_tiles, tiles, tiles_past_caches, dx ? transformed : nullptr,
                             chunk_sums, b > chunk_blocks.first);
                }
                if (dx == nullptr) continue;
                ctx.parallel(strips.size(), [&](Index s) {
                    const WinogradStrip strip(tiling_, strips.first + s);
                    x_.output(x_tiles, s, strip, finish, dx + strip.first_pixel(tiling_) * size_.channels,
                              dx_past_caches);
                });
            }
        });
        if (!tiling_.by_slices) add_sums(ctx, sums, dweight);
    }

  private:
    /// A block's products: sums (+)= its dU, and where there are transformed weights its tiles of dx, in the
    /// place of x's.
    void multiply(Cpu& ctx, T* x_tiles, const T* dy_tiles, Index tiles, bool past_caches,
                  const T* transformed, T* sums, bool accumulate) const {
        const Index points = tiling_.points();
        ctx.parallel(points, [&](Index k) {
            const Upcoming<T> next_point =
                k + 1 < points ? dy_.panel(dy_tiles, k + 1, 0, tiles) : Upcoming<T>{};
            const Upcoming<T> behind_sums =
                transformed == nullptr ? next_point : weights_.panel(transformed, k, 0);
            for (Index panel = 0; panel < dy_.panels(); ++panel) {
                dy_.multiply(
                    dy_tiles, k, panel, x_.channels(x_tiles, k), size_.channels, tiles,
                    sums + k * sums_stride_ + panel * dy_.width(), sums_row_, accumulate,
                    panel + 1 < dy_.panels() ? dy_.panel(dy_tiles, k, panel + 1, tiles) : behind_sums);
            }
            if (transformed == nullptr) return;
            weights_.multiply(transformed, k, dy_, dy_tiles, tiles, x_.at(x_tiles, k), x_.row(), past_caches,
                              next_point);
        });
    }
    /// The same of the only block, out of the turned weights and into dweight.
    void multiply_by_slices(Cpu& ctx, const PerThread<T>& pieces, T* x_tiles, const T* dy_tiles, Index tiles,
                            bool past_caches, const T* turned, T* dweight) const {
        const Index side = tiling_.side();
        // A thread takes some channels of x and one slice of features: that part of dweight is its own.
        const Index slice_panels = slice_ / dy_.width();
        ctx.parallel(slices() * sums_parts(), [&](Index i, int worker) {
            const Index slice = i / sums_parts();
            const Range in = part_of(size_.channels, sums_parts(), i % sums_parts());
            const Range panels{slice * slice_panels, std::min((slice + 1) * slice_panels, dy_.panels())};
            T* sums = pieces.of(worker);
            T* taps = sums + points_at_once() * piece_stride();
            std::fill_n(taps, 9 * piece_stride(), T(0));
            for (Index row = 0; row < side; row += WinogradTiling::rows_at_once) {
                const Range rows = tiling_.rows_from(row);
                for (Index k = rows.first * side; k < rows.last * side; ++k) {
                    Columns<T> channels = x_.channels(x_tiles, k);
                    channels.data += in.first * channels.column;
                    T* point = sums + (k - rows.first * side) * piece_stride();
                    for (Index panel = panels.first; panel < panels.last; ++panel) {
                        const bool last = panel + 1 == panels.last;
                        dy_.multiply(dy_tiles, k, panel, channels, in.size(), tiles,
                                     point + (panel - panels.first) * dy_.width(), slice_, false,
                                     !last ? dy_.panel(dy_tiles, k, panel + 1, tiles)
                                     : k + 1 < rows.last * side
                                         ? dy_.panel(dy_tiles, k + 1, panels.first, tiles)
                                         : Upcoming<T>{});
                    }
                }
                add_piece(in, rows, slice, sums, taps);
            }
            add_taps(in, slice, taps, dweight);
        });
        if (turned == nullptr) return;
        // x's tiles have been read: dx's take their place.
        tiling_.for_each_piece(ctx, weights_.slices(), [&](Index slice, Range rows, int worker) {
            weights_.transform_and_multiply(turned, slice, rows, pieces.of(worker), dy_, dy_tiles, tiles, x_,
                                            x_tiles, past_caches);
        });
    }

    /// dweight += G^T sums G.
    void add_sums(Cpu& ctx, const T* sums, T* dweight) const {
        const Index parts = chunks_for(size_.channels);
        with_tile(tiling_.tile, [&]<class Way> {
            ctx.parallel(parts, [&](Index part) {
                const Range in = part_of(size_.channels, parts, part);
                winograd::weight_gradients<Way>(
                    sums + in.first * sums_row_, sums_stride_, sums_row_, tiling_.chunks, sums_size(),
                    in.size(), size_.features, {0, tiling_.side()},
                    dweight + last_tap() + in.first * size_.features, -tap(), size_.features);
            });
        });
    }
    /// The same of some channels of x, some rows of points and a slice of features, into taps of the thread's
    /// own: those of dweight lie where a core's cache would lose them from one row to the next.
    void add_piece(Range in, Range rows, Index slice, const T* sums, T* taps) const {
        with_tile(tiling_.tile, [&]<class Way> {
            winograd::weight_gradients<Way>(sums, piece_stride(), slice_, 1, 0, in.size(),
                                            features_of(slice).size(), rows, taps + 8 * piece_stride(),
                                            -piece_stride(), slice_);
        });
    }
    /// dweight += those taps.
    void add_taps(Range in, Index slice, const T* taps, T* dweight) const {
        const Range features = features_of(slice);
        for (Index t = 0; t < 9; ++t) {
            const T* from = taps + t * piece_stride();
            T* to = dweight + t * tap() + in.first * size_.features + features.first;
            for (Index i = 0; i < in.size(); ++i, from += slice_, to += size_.features) {
                for (Index c = 0; c < features.size(); ++c) to[c] += from[c];
            }
        }
    }
    Range features_of(Index slice) const {
        return {slice * slice_, std::min((slice + 1) * slice_, size_.features)};
    }

    /// Elements of dweight from a tap to the next. The sums are of its taps turned round: from the last one
    /// back.
    Index tap() const { return size_.channels * size_.features; }
    Index last_tap() const { return 8 * tap(); }

    /// Whether threads have blocks of their own.
    bool spread() const { return tiling_.chunks > 1; }
    Index block_size() const { return x_.size() + dy_.size(); }
    /// Bytes of scratch that each thread has to itself.
    Index own_size() const {
        return scratch_size<T>(tiling_.by_slices ? piece_size() : 0) +
               (spread() ? scratch_size<T>(block_size()) : 0) + scratch_size<T>(x_grid_.size()) +
               scratch_size<T>(dy_grid_.size());
    }
    Index sums_size() const { return tiling_.points() * sums_stride_; }
    Index sums_parts() const { return std::min<Index>(size_.channels, 4); }
    Index slices() const { return (size_.features + slice_ - 1) / slice_; }
    Index points_at_once() const { return WinogradTiling::rows_at_once * tiling_.side(); }
    /// What a thread holds by slices: a piece of the weights, or the sums of some points and the taps that
    /// come of them, each this far from the next.
    Index piece_stride() const {
        return spread_point<T>((size_.channels + sums_parts() - 1) / sums_parts() * slice_);
    }
    Index piece_size() const {
        return std::max(weights_.piece_size(), (points_at_once() + 9) * piece_stride());
    }

    ConvolutionSize size_;
    WinogradTiling tiling_;
    WinogradWeights<T> weights_;
    WinogradTiles<T> x_;
    WinogradPackedTiles<T> dy_;
    WinogradGrid<T> x_grid_, dy_grid_;
    Index slice_;  // features whose sums a thread holds
    Index sums_row_, sums_stride_;
};

}  // namespace daf::cpu
