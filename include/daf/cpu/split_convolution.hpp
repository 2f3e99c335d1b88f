#pragma once
// The 3x3 convolution of stride 1 on matrix tiles: y of x, or dx of dy. Nothing here depends on the number of
// threads but who does which piece.
#include <daf/cpu/split_operands.hpp>

namespace daf::cpu {

/// y of x for one unit that is laid out. Blocks of outputs may be computed in any order.
class SplitProduct {
  public:
    SplitProduct(const SplitTiling& tiling, Index in, Index out)
        : tiling_(tiling), out_(out), grid_(tiling, in), weights_(in, out) {}

    const SplitGrid& grid() const { return grid_; }
    const SplitWeights& weights() const { return weights_; }

    /// Pieces of a unit's work: pairs of panels, and cuts of its blocks.
    Index pieces() const { return pairs() * cuts(); }
    Index pairs() const { return (weights_.panels() + 1) / 2; }

    void run(const float* transformed, const bf16* grid, Range strips, Index piece, float* y,
             const OutputFinish<float>& finish) const {
        const MatrixTiles tiles;
        const Index blocks = strips.size() * tiling_.strip_blocks();
        const auto [first, last] = part_of(blocks, cuts(), piece % cuts());
        for (Index b = first; b < last; ++b) {
            const Index s = b / tiling_.strip_blocks();
            run_block(transformed, grid, SplitStrip(tiling_, strips.first + s), s, b % tiling_.strip_blocks(),
                      piece / cuts() * 2, y, finish);
        }
    }

  private:
    /// Enough pieces for any number of threads that a person would use here.
    Index cuts() const { return (15 + pairs()) / pairs(); }

    void run_block(const float* transformed, const bf16* grid, const SplitStrip& strip, Index s, Index block,
                   Index panel, float* y, const OutputFinish<float>& finish) const {
        const SplitSum& sum = weights_.sum();
        const Index second_panel = std::min(panel + 1, weights_.panels() - 1);
        const bf16* first = weights_.panel(transformed, panel);
        const bf16* second = weights_.panel(transformed, second_panel);
        const bf16* from = grid + grid_.lane(s, block * block_side + tiling_.lanes_to(0, 0));
        const Index at = panel * tile_side, features = std::min(block_side, out_ - at);
        // A store that misses the caches waits for its line: ask for the lines now.
        strip.for_each_pixel(tiling_, block, [&](Index, Index pixel) {
            __builtin_prefetch(y + pixel * out_ + at, 1);
            __builtin_prefetch(y + pixel * out_ + at + features - 1, 1);
        });
        const SplitTaps taps(tiling_, block);
        const Index row_lanes = tiling_.lanes_to(1, 0) - tiling_.lanes_to(0, 0);
        const Index column_lanes = tiling_.lanes_to(0, 1) - tiling_.lanes_to(0, 0);
        TileBlock product;
        sum.for_each_step([&](Index row, Index column, Index channel) {
            if (taps.meet(row, column)) {
                const bf16* rows = from + (row * row_lanes + column * column_lanes) * grid_.row() + channel;
                product.add({rows, rows + tile_side * grid_.row(), grid_.row(), grid_.low()},
                            {first, second, tile_size});
            }
            first += SplitWeights::step_size;
            second += SplitWeights::step_size;
        });
        alignas(64) float sums[block_side * block_side];
        product.store(sums);
        strip.for_each_pixel(tiling_, block, [&](Index lane, Index pixel) {
            write(sums + lane * block_side, features, y + pixel * out_ + at, at, finish);
        });
    }

    /// With the usual number of features as a constant, which compilers make registers of.
    static void write(const float* sums, Index features, float* y, Index first,
                      const OutputFinish<float>& finish) {
        if (features == block_side) {
            write_some(sums, std::integral_constant<Index, block_side>{}, y, first, finish);
        } else {
            write_some(sums, features, y, first, finish);
        }
    }

    template <class Features>
    static void write_some(const float* sums, Features features, float* y, Index first,
                           const OutputFinish<float>& finish) {
        switch (finish.kind) {
            case Finish::overwrite:
                for (Index i = 0; i < features; ++i) y[i] = sums[i];
                return;
            case Finish::accumulate:
                for (Index i = 0; i < features; ++i) y[i] += sums[i];
                return;
            case Finish::bias_relu:
                for (Index i = 0; i < features; ++i) {
                    const float value = sums[i] + finish.bias[first + i];
                    y[i] = value < 0 ? 0 : value;  // a NaN stays visible
                }
                return;
        }
    }

    SplitTiling tiling_;
    Index out_;
    SplitGrid grid_;
    SplitWeights weights_;
};

class SplitForward {
  public:
    SplitForward(const ConvolutionSize& size, Index count)
        : size_(size),
          tiling_(SplitTiling::of(size, count, 1)),
          product_(tiling_, size.channels, size.features) {}

    /// Elements of the weights as this pass reads them; they do not depend on the count.
    Index transformed() const { return product_.weights().size(); }
    void transform(Cpu& ctx, const float* weight, float* transformed) const {
        product_.weights().transform(ctx, weight, transformed);
    }

    /// Parts of the output that AfterPixels may be called for at the same time.
    Index slots() const { return spread() ? chunks_for(tiling_.units()) : groups(); }

    /// Without the transformed weights.
    Index scratch(int threads) const {
        return (spread() ? 0 : grid_size()) + ThreadScratch::size(threads, own_size());
    }

    Index whole_scratch(int threads) const { return scratch_size<float>(transformed()) + scratch(threads); }
    void transform_and_run(Cpu& ctx, ScratchFrame& frame, const float* weight, const MapRows<float>& x,
                           float* y, const AfterPixels<float>& after) const {
        transform_then_run(*this, ctx, frame, weight, x, y, after);
    }

    void run(Cpu& ctx, ScratchFrame& frame, const float* transformed, const MapRows<float>& x, float* y,
             const OutputFinish<float>& finish, const AfterPixels<float>& after) const {
        ThreadScratch own(frame, ctx.threads(), own_size());
        const Index size = product_.grid().size();
        const PerThread<bf16> grids = spread() ? own.take<bf16>(size) : PerThread(frame.take<bf16>(size));
        const PerThread<float> rows = own.take<float>(product_.grid().row_size());
        const Index chunks = spread() ? slots() : 1;
        ctx.parallel(chunks, [&](Index chunk, int owner) {
            bf16* grid = grids.of(owner);
            const Range units = part_of(tiling_.units(), chunks, chunk);
            for (Index u = units.first; u < units.last; ++u) {
                const Range strips = tiling_.strips_of(u);
                const Index rows_of_strip = product_.grid().pieces();
                ctx.parallel(strips.size() * rows_of_strip, [&](Index piece, int worker) {
                    const Index s = piece / rows_of_strip;
                    product_.grid().fill(SplitStrip(tiling_, strips.first + s), s, piece % rows_of_strip, x,
                                         rows.of(worker), grid);
                });
                ctx.parallel(product_.pieces(),
                             [&](Index piece) { product_.run(transformed, grid, strips, piece, y, finish); });
                ctx.parallel(groups(), [&](Index group) {
                    finish_group(strips, group, spread() ? chunk : group, y, after);
                });
            }
        });
    }

  private:
    /// Threads take whole units where there are many; elsewhere they share the steps of each.
    bool spread() const { return tiling_.units() >= 8; }
    /// Bytes of scratch for a grid, and for what each thread has to itself.
    Index grid_size() const { return scratch_size<bf16>(product_.grid().size()); }
    Index own_size() const {
        return (spread() ? grid_size() : 0) + scratch_size<float>(product_.grid().row_size());
    }
    /// Of a unit's output, for what comes after it.
    Index groups() const {
        return spread() ? 1 : tiling_.across ? tile_side : chunks_for(tiling_.unit_strips);
    }

    void finish_group(Range strips, Index group, Index slot, float* y,
                      const AfterPixels<float>& after) const {
        const Index area = size_.height * size_.width;
        const auto pixel = [&](Index n) { return y + n * size_.features; };
        if (tiling_.across) {
            for (Index strip = strips.first; strip < strips.last; ++strip) {
                const SplitStrip at(tiling_, strip);
                const auto [first, last] = part_of(at.images, groups(), group);
                if (last > first) after(pixel((at.image + first) * area), (last - first) * area, slot);
            }
            return;
        }
        const auto [first, last] = part_of(strips.size(), groups(), group);
        for (Index s = first; s < last; ++s) {
            const SplitStrip at(tiling_, strips.first + s);
            after(pixel(at.image * area + at.first_row * size_.width), at.rows * size_.width, slot);
        }
    }

    ConvolutionSize size_;
    SplitTiling tiling_;
    SplitProduct product_;
};

}  // namespace daf::cpu
