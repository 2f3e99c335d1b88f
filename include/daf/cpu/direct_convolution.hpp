#pragma once
// The direct convolution, for every kernel and stride: channels-last, sizes at run time so that one piece of
// code serves every layer. All three passes are the register-blocked product of gemm.hpp over rows of a
// zero-padded copy of one image. y and dy pass by in strips of rows that stay in a core's cache.
#include <algorithm>
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/grid_convolution.hpp>

namespace daf::cpu {

/// Rows of y or dy that are made and used at once. Every strip reads the weights, or adds to their gradients,
/// so it is not small beside them.
template <class T>
constexpr Index direct_strip_rows(const ConvolutionSize& size) {
    constexpr Index near = (Index{3} << 16) / static_cast<Index>(sizeof(T));
    return std::clamp<Index>(std::max(near, 2 * size.weights()) / (size.out_width() * size.features), 1,
                             size.out_height());
}
/// And pixels.
template <class T>
constexpr Index direct_strip_pixels(const ConvolutionSize& size) {
    return direct_strip_rows<T>(size) * size.out_width();
}

/// body(rows) for every strip of an image.
template <class T, class Body>
void for_each_direct_strip(const ConvolutionSize& size, const Body& body) {
    const Index rows = direct_strip_rows<T>(size);
    for (Index first = 0; first < size.out_height(); first += rows)
        body(Range{first, std::min(first + rows, size.out_height())});
}

/// dweight: every chunk of images sums into its own copy, the copies are added in their order.
template <class T>
class ConvolutionWeightGradient {
  public:
    ConvolutionWeightGradient(const ConvolutionSize& size, Index count)
        : size_(size), packets_(panel_packets<T>(size.features, 12)), chunks_(parts(size, count)) {}

    /// Chunks of images: as many as keep the copies of the weights within bounds, a function of the shapes
    /// alone.
    Index chunks() const { return chunks_; }

    /// Bytes of scratch for what threads share, and for what each has to itself.
    Index shared_size() const { return chunks_ * scratch_size<T>(size_.weights()); }
    Index own_size() const { return scratch_size<T>(grid_size()) + scratch_size<T>(packed_dy()); }
    void take(ScratchFrame& frame, ThreadScratch& own, int threads) {
        sums_ = frame.take_pieces<T>(chunks_, size_.weights());
        grids_ = own.take<T>(grid_size());
        packed_ = own.take<T>(packed_dy());
        for (Index i = 0; i < chunks_; ++i) std::fill_n(sums_[i], size_.weights(), T(0));
        for (int i = 0; i < threads; ++i) std::fill_n(grids_.of(i), grid_size(), T(0));
    }

    /// An image of x, for a thread's next strips.
    void place(const MapRows<T>& x, Index n, int worker) const {
        place_in_grid(x, n, {0, size_.height}, size_.width, size_.channels, 1, size_.kernel / 2, grid_width(),
                      grids_.of(worker));
    }
    /// Adds what a strip of that image's dy makes to its chunk's sum.
    void add(const T* dy, Range rows, Index chunk, int worker) const {
        T* packed = packed_.of(worker);
        T* sums = sums_[chunk];
        const Index width = packets_ * lanes<T>, grid_row = grid_width() * size_.channels;
        const Sum sum{rows.size(), size_.out_width()};
        pack_panels<T>(packed, size_.features, sum.size(), packets_, 1,
                       [&](Index pixel) { return dy + pixel * size_.features; });
        for (Index first = 0; first < size_.features; first += width) {
            for (Index ky = 0; ky < size_.kernel; ++ky) {
                const Columns<T> taps{grids_.of(worker) + (rows.first * size_.stride + ky) * grid_row, 1,
                                      size_.stride * grid_row, size_.stride * size_.channels};
                multiply_panel(packets_, sum, packed + first * sum.size(), taps,
                               size_.kernel * size_.channels,
                               sums + ky * size_.kernel * size_.channels * size_.features + first,
                               size_.features, size_.features - first, Store::add);
            }
        }
    }

    /// dweight += the chunks' sums, in their order.
    void finish(Cpu& ctx, T* dweight) const {
        const Index pieces = chunks_for(size_.weights());
        ctx.parallel(pieces, [&](Index piece) {
            const auto [first, last] = part_of(size_.weights(), pieces, piece);
            for (Index i = first; i < last; ++i) {
                double sum = 0;
                for (Index c = 0; c < chunks_; ++c) sum += static_cast<double>(sums_[c][i]);
                dweight[i] += static_cast<T>(sum);
            }
        });
    }

  private:
    static Index parts(const ConvolutionSize& size, Index count) {
        constexpr Index budget = Index{48} << 20;
        const Index copies = budget / (size.weights() * static_cast<Index>(sizeof(T)));
        return std::min(chunks_for(count), std::max<Index>(copies, 4));
    }
    Index grid_width() const { return size_.width + size_.border(); }
    Index grid_size() const { return (size_.height + size_.border()) * grid_width() * size_.channels; }
    Index packed_dy() const {
        return packed_size<T>(size_.features, direct_strip_pixels<T>(size_), packets_);
    }

    ConvolutionSize size_;
    Index packets_;
    Index chunks_;
    ScratchPieces<T> sums_;  // of each chunk
    PerThread<T> grids_, packed_;
};

/// y of x.
template <class T>
class DirectForward {
  public:
    DirectForward(const ConvolutionSize& size, Index count)
        : size_(size), count_(count), grid_(GridConvolution<T>::forward(size)) {}

    /// Elements of the weights as this pass reads them.
    Index transformed() const { return grid_.packed_size(); }
    void transform(Cpu& ctx, const T* weight, T* transformed) const { grid_.pack(ctx, weight, transformed); }

    /// Parts of the output that AfterPixels may be called for at the same time.
    Index slots() const {
        return shared() ? chunks_for(grid_.rows(), size_.out_width() * size_.features) : chunks_for(count_);
    }

    Index scratch(int threads) const { return ThreadScratch::size(threads, own_size()); }

    Index whole_scratch(int threads) const { return scratch_size<T>(transformed()) + scratch(threads); }
    void transform_and_run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, T* y,
                           const AfterPixels<T>& after) const {
        transform_then_run(*this, ctx, frame, weight, x, y, after);
    }

    void run(Cpu& ctx, ScratchFrame& frame, const T* transformed, const MapRows<T>& x, T* y,
             const OutputFinish<T>& finish, const AfterPixels<T>& after) const {
        ThreadScratch own(frame, ctx.threads(), own_size());
        const PerThread<T> grids = own.take<T>(grid_.grid_size());
        for (int i = 0; i < (shared() ? 1 : ctx.threads()); ++i) grid_.clear(grids.of(i));
        if (shared()) {
            for (Index n = 0; n < count_; ++n)
                share_image(ctx, transformed, x, grids.of(0), y, n, finish, after);
            return;
        }
        const OutputStrips<T> strips(own, strip_size(), y, finish.kind);
        ctx.parallel(slots(), [&](Index slot, int worker) {
            const auto [first, last] = part_of(count_, slots(), slot);
            for (Index n = first; n < last; ++n) {
                grid_.place(x, n, {0, grid_.source_rows()}, grids.of(worker));
                grid_.join(grids.of(worker));
                for_each_direct_strip<T>(size_, [&](Range rows) {
                    T* place = y + n * size_.y_size() + rows.first * size_.out_width() * size_.features;
                    T* made = strips.begin(worker, place);
                    const Index pixels = rows.size() * size_.out_width();
                    grid_.multiply(transformed, grids.of(worker), rows, {0, grid_.panels()}, made,
                                   finish.kind == Finish::accumulate);
                    finish_pixels(made, pixels, finish);
                    after(made, pixels, slot);
                    strips.finish(made, pixels * size_.features, place);
                });
            }
        });
    }

  private:
    /// Too few images to give every thread its own.
    bool shared() const { return count_ < 8; }

    void share_image(Cpu& ctx, const T* transformed, const MapRows<T>& x, T* grid, T* y, Index n,
                     const OutputFinish<T>& finish, const AfterPixels<T>& after) const {
        const Index groups = slots(), copies = chunks_for(grid_.source_rows(), size_.width * size_.channels);
        ctx.parallel(
            copies, [&](Index part) { grid_.place(x, n, part_of(grid_.source_rows(), copies, part), grid); });
        grid_.join(grid);
        // Each panel's weights are read by one thread, unless there are too few panels.
        const Index panels = grid_.panels(),
                    cuts = panels < 8 && !grid_.joined() ? chunks_for(grid_.rows()) : 1;
        ctx.parallel(panels * cuts, [&](Index piece) {
            const Index panel = piece / cuts;
            const Range rows = part_of(grid_.rows(), cuts, piece % cuts);
            grid_.multiply(transformed, grid, rows, {panel, panel + 1},
                           y + n * size_.y_size() + rows.first * size_.out_width() * size_.features,
                           finish.kind == Finish::accumulate);
        });
        ctx.parallel(groups, [&](Index group) {
            const auto [first, last] = part_of(grid_.rows(), groups, group);
            const Index pixels = (last - first) * size_.out_width();
            T* made = y + (n * size_.out_area() + first * size_.out_width()) * size_.features;
            finish_pixels(made, pixels, finish);
            after(made, pixels, group);
        });
    }

    void finish_pixels(T* to, Index pixels, const OutputFinish<T>& finish) const {
        if (finish.kind != Finish::bias_relu) return;
        for (; pixels > 0; --pixels, to += size_.features) {
            for_each_packet<T>(size_.features, [&]<class P>(Index c) {
                const P value = packet::padd(packet::ploadu<P>(to + c), packet::ploadu<P>(finish.bias + c));
                packet::pstoreu(to + c, rectified(value));
            });
        }
    }

    /// Bytes of scratch that each thread has to itself.
    Index own_size() const { return scratch_size<T>(grid_.grid_size()) + scratch_size<T>(strip_size()); }
    /// Of y, where it is made aside.
    Index strip_size() const {
        if (shared()) return 0;
        return OutputStrips<T>::size(count_ * size_.y_size(), size_.features,
                                     direct_strip_pixels<T>(size_) * size_.features);
    }

    ConvolutionSize size_;
    Index count_;
    GridConvolution<T> grid_;
};

/// dx and dweight of dy, image by image.
template <class T>
class DirectBackward {
  public:
    DirectBackward(const ConvolutionSize& size, Index count)
        : size_(size),
          count_(count),
          to_x_(GridConvolution<T>::data_gradient(size)),
          to_weight_(size, count) {}

    Index scratch(int threads) const {
        return scratch_size<T>(to_x_.packed_size()) + to_weight_.shared_size() +
               ThreadScratch::size(threads, own_size());
    }

    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, const MapRows<T>& dy, T* dx,
             bool accumulate, T* dweight) const {
        ConvolutionWeightGradient<T> to_weight = to_weight_;
        T* packed = frame.take<T>(to_x_.packed_size());
        ThreadScratch own(frame, ctx.threads(), own_size());
        const PerThread<T> grids = own.take<T>(to_x_.grid_size());
        const PerThread<T> strips = own.take<T>(strip_size());  // of dy: never the batch's
        to_weight.take(frame, own, ctx.threads());
        if (dx != nullptr) {
            to_x_.pack(ctx, weight, packed);
            for (int i = 0; i < ctx.threads(); ++i) to_x_.clear(grids.of(i));
        }
        ctx.parallel(to_weight.chunks(), [&](Index chunk, int worker) {
            const auto [first, last] = part_of(count_, to_weight.chunks(), chunk);
            const Index row_size = size_.out_width() * size_.features;
            T* strip = strips.of(worker);
            for (Index n = first; n < last; ++n) {
                to_weight.place(x, n, worker);
                for_each_direct_strip<T>(size_, [&](Range rows) {
                    const auto row_of_strip = [&](Index row) {
                        return strip + (row - rows.first) * row_size;
                    };
                    for (Index row = rows.first; row < rows.last; ++row) dy(n, row, row_of_strip(row));
                    to_weight.add(strip, rows, chunk, worker);
                    if (dx == nullptr) return;
                    const auto made = [&](Index, Index row, T* to) {
                        std::copy_n(row_of_strip(row), row_size, to);
                    };
                    to_x_.place(made, n, rows, grids.of(worker));
                });
                if (dx == nullptr) continue;
                to_x_.join(grids.of(worker));
                to_x_.multiply(packed, grids.of(worker), {0, to_x_.rows()}, {0, to_x_.panels()},
                               dx + n * size_.x_size(), accumulate);
            }
        });
        to_weight.finish(ctx, dweight);
    }

  private:
    Index strip_size() const { return direct_strip_pixels<T>(size_) * size_.features; }
    /// Bytes of scratch that each thread has to itself.
    Index own_size() const {
        return scratch_size<T>(to_x_.grid_size()) + scratch_size<T>(strip_size()) + to_weight_.own_size();
    }

    ConvolutionSize size_;
    Index count_;
    GridConvolution<T> to_x_;
    ConvolutionWeightGradient<T> to_weight_;
};

}  // namespace daf::cpu
