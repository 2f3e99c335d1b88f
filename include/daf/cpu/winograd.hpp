#pragma once
// Winograd's convolution for 3x3 kernels of stride 1: y of x. Sizes at run time.
//
//   V = B^T x B for every tile,  M[k] = V[k] U[k] for every point k,  y = A^T M A,      U = G w G^T
//
// The transforms write V and U as the product of gemm.hpp reads them. A block of tiles is transformed,
// multiplied and transformed back at a time. Who does which piece depends on the number of threads, in
// inference the blocks do too, and no bit does.
#include <daf/cpu/max_pool_parts.hpp>
#include <daf/cpu/winograd_weights.hpp>

namespace daf::cpu {

/// In place of a number of threads: what is cut depends on none, and so slots() do not.
inline constexpr int any_threads = 0;

template <class T>
class WinogradForward {
  public:
    /// threads: for how many its work is cut, which moves no bit of y.
    WinogradForward(const ConvolutionSize& size, Index count, WinogradTile tile, int threads)
        : size_(size),
          tiling_(tiling(size, count, tile, threads)),
          weights_(size.channels, size.features, tile),
          v_(tiling_, size.channels),
          m_(tiling_, size.features),
          grids_(tiling_, size.channels, tile.border) {}

    /// Elements of the weights as this pass reads them; they do not depend on the count.
    Index transformed() const { return weights_.size(); }
    void transform(Cpu& ctx, const T* weight, T* transformed) const {
        weights_.transform(ctx, weight, TapPlaces::plain(size_.channels, size_.features), transformed);
    }

    /// Parts of the output that AfterPixels may be called for at the same time.
    Index slots() const { return tiling_.chunks > 1 ? tiling_.chunks : chunks_for(tiling_.block_strips); }

    /// Whether it can store the largest of each window of so many pixels a side alone.
    bool pools(Index window) const { return tiling_.tile.outputs % window == 0 || tiling_.rows == 1; }

    /// Without the transformed weights.
    Index scratch(int threads, Index pool = 1) const {
        return shared_size() + ThreadScratch::size(threads, own_size(pool));
    }
    void run(Cpu& ctx, ScratchFrame& frame, const T* transformed, const MapRows<T>& x, T* y,
             const OutputFinish<T>& finish, const AfterPixels<T>& after) const {
        const auto multiply_block = [&](const T* v, T* m, Index tiles, bool past_caches) {
            ctx.parallel(tiling_.points(), [&](Index k) {
                weights_.multiply(
                    transformed, k, v_, v, tiles, m_.at(m, k), m_.row(), past_caches,
                    k + 1 < tiling_.points() ? weights_.panel(transformed, k + 1, 0) : Upcoming<T>{});
            });
        };
        ThreadScratch own(frame, ctx.threads(), own_size(finish.pool));
        run_blocks(ctx, frame, own, multiply_block, x, y, finish, after);
    }

    Index whole_scratch(int threads) const {
        if (!tiling_.by_slices) return scratch_size<T>(weights_.size()) + scratch(threads);
        return scratch_size<T>(weights_.laid_out_size()) + shared_size() +
               ThreadScratch::size(threads, own_size() + scratch_size<T>(weights_.piece_size()));
    }
    void transform_and_run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, T* y,
                           const AfterPixels<T>& after) const {
        if (!tiling_.by_slices) {
            T* transformed = frame.take<T>(weights_.size());
            transform(ctx, weight, transformed);
            return run(ctx, frame, transformed, x, y, {}, after);
        }
        T* laid_out = frame.take<T>(weights_.laid_out_size());
        lay_out_weights(ctx, weight, size_.channels, size_.features, weights_.by_slices(), laid_out);
        ThreadScratch own(frame, ctx.threads(), own_size() + scratch_size<T>(weights_.piece_size()));
        const PerThread<T> pieces = own.take<T>(weights_.piece_size());
        const auto multiply_block = [&](const T* v, T* m, Index tiles, bool past_caches) {
            tiling_.for_each_piece(ctx, weights_.slices(), [&](Index slice, Range rows, int worker) {
                weights_.transform_and_multiply(laid_out, slice, rows, pieces.of(worker), v_, v, tiles, m_, m,
                                                past_caches);
            });
        };
        run_blocks(ctx, frame, own, multiply_block, x, y, {}, after);
    }

  private:
    /// multiply_block(v, m, tiles, past_caches): M[k] = V[k] U[k] for every point k of the first `tiles`
    /// tiles.
    template <class Multiply>
    void run_blocks(Cpu& ctx, ScratchFrame& frame, ThreadScratch& own, const Multiply& multiply_block,
                    const MapRows<T>& x, T* y, const OutputFinish<T>& finish,
                    const AfterPixels<T>& after) const {
        const PerThread<T> blocks =
            spread() ? own.take<T>(block_size()) : PerThread<T>(frame.take<T>(block_size()));
        const PerThread<T> grids = own.take<T>(grids_.size());
        for (int i = 0; i < ctx.threads(); ++i) grids_.clear_border(grids.of(i));
        const bool past_caches = tiling_.hands_past_caches<T>(ctx, block_size());
        const bool pooled = finish.pool > 1;
        const PerThread<T> tile_rows = own.take<T>(pooled ? tile_row_size() : 0);
        const OutputStrips<T> outputs(own, pooled ? 0 : strip_size(), y, finish.kind);
        ctx.parallel(tiling_.chunks, [&](Index chunk, int owner) {
            T* v = blocks.of(owner);
            T* m = v + v_.size();
            const Range chunk_blocks = part_of(tiling_.blocks(), tiling_.chunks, chunk);
            for (Index b = chunk_blocks.first; b < chunk_blocks.last; ++b) {
                const Range strips = tiling_.strips_of(b);
                ctx.parallel(strips.size(), [&](Index s, int worker) {
                    T* grid = grids.of(worker);
                    grids_.fill(strips.first + s, x, grid);
                    v_.windows(grids_, grid, s, v, past_caches);
                    if (past_caches) finish_far_stores();
                });
                multiply_block(v, m, strips.size() * tiling_.strip_tiles(), past_caches);
                const Index groups = chunks_for(strips.size());
                ctx.parallel(groups, [&](Index group, int worker) {
                    const auto [from, to] = part_of(strips.size(), groups, group);
                    for (Index s = from; s < to; ++s) {
                        const WinogradStrip strip(tiling_, strips.first + s);
                        if (pooled) {
                            store_largest(m, s, strip, finish, tile_rows.of(worker), y);
                            continue;
                        }
                        const Index pixels = strip.pixel_rows * size_.width;
                        T* place = y + strip.first_pixel(tiling_) * size_.features;
                        T* made = outputs.begin(worker, place);
                        m_.output(m, s, strip, finish, made);
                        after(made, pixels, tiling_.chunks > 1 ? chunk : group);
                        outputs.finish(made, pixels * size_.features, place);
                    }
                });
            }
        });
    }

    /// Of each window of a strip the largest: row of tiles by row of tiles, which a thread makes in its own
    /// cache.
    void store_largest(const T* m, Index s, const WinogradStrip& strip, const OutputFinish<T>& finish,
                       T* made, T* y) const {
        const Index window = finish.pool;
        for (Index row = 0; row < tiling_.strip_rows; ++row) {
            const Index first = strip.first_row + row * tiling_.tile.outputs;
            const MaxPoolSize part{std::min(tiling_.tile.outputs, size_.height - first), size_.width,
                                   size_.features, window};
            m_.output_row(m, s, row, strip, finish, made);
            max_pool(part, made,
                     y + (strip.image * (size_.height / window) + first / window) * part.out_width() *
                             size_.features,
                     nullptr);
        }
    }

    /// Elements of y that a thread makes aside: of a row of tiles, which it then pools, and of a strip, with
    /// what its last tile asks for ahead.
    Index tile_row_size() const { return tiling_.tile.outputs * size_.width * size_.features; }
    Index strip_size() const {
        return OutputStrips<T>::size(
            tiling_.count * size_.y_size(), size_.features,
            (tiling_.strip_rows * size_.width + 4) * tiling_.tile.outputs * size_.features);
    }

    static WinogradTiling tiling(const ConvolutionSize& size, Index count, WinogradTile tile, int threads) {
        const WinogradTraffic traffic{size.channels + size.features, size.channels, 1, sizeof(T)};
        return threads == any_threads ? WinogradTiling::of(size, count, tile, traffic)
                                      : WinogradTiling::for_threads(size, count, tile, traffic, threads);
    }

    /// Whether threads have blocks of their own.
    bool spread() const { return tiling_.chunks > 1; }
    Index block_size() const { return v_.size() + m_.size(); }
    /// Bytes of scratch for what all threads share, and for what each has to itself.
    Index shared_size() const { return spread() ? 0 : scratch_size<T>(block_size()); }
    Index own_size(Index pool = 1) const {
        return (spread() ? scratch_size<T>(block_size()) : 0) + scratch_size<T>(grids_.size()) +
               scratch_size<T>(pool > 1 ? tile_row_size() : 0) + scratch_size<T>(pool > 1 ? 0 : strip_size());
    }

    ConvolutionSize size_;
    WinogradTiling tiling_;
    WinogradWeights<T> weights_;
    WinogradTiles<T> v_, m_;
    WinogradGrid<T> grids_;
};

}  // namespace daf::cpu
