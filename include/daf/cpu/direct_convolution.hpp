#pragma once
// The direct convolution, for every kernel and stride: channels-last, sizes at run time so that one piece of code serves
// every layer. All three passes are the register-blocked product of gemm.hpp over rows of a zero-padded copy of one
// image; patches are never copied.
#include <algorithm>
#include <daf/cpu/convolution_size.hpp>
#include <daf/cpu/gemm.hpp>

namespace daf::cpu {

/// Copies an image into the middle of a zeroed grid of (height + K - 1) x (width + K - 1) pixels, every pixel `step`
/// from the next; `before` zero pixels stand above and to the left.
template <class T>
void place_in_grid(const T* image, Index rows, Index columns, Index channels, Index step, Index before,
                   Index grid_width, T* grid) {
    for (Index r = 0; r < rows; ++r) {
        T* to = grid + ((before + r * step) * grid_width + before) * channels;
        const T* from = image + r * columns * channels;
        if (step == 1) {
            std::copy_n(from, columns * channels, to);
        } else {
            for (Index c = 0; c < columns; ++c)
                std::copy_n(from + c * channels, channels, to + c * step * channels);
        }
    }
}

/// A convolution of images, one at a time, with weights packed once: y of x, or dx of dy.
template <class T>
class GridConvolution {
  public:
    /// x -> y
    static GridConvolution forward(const ConvolutionSize& size) {
        return {size,        Map{size.height, size.width, size.in},
                1,           Map{size.out_height(), size.out_width(), size.features},
                size.stride, false};
    }
    /// dy -> dx: the weights are turned round, and a stride spreads dy over the grid.
    static GridConvolution data_gradient(const ConvolutionSize& size) {
        return {size,        Map{size.out_height(), size.out_width(), size.features},
                size.stride, Map{size.height, size.width, size.in},
                1,           true};
    }

    /// What take() takes from the frame: weights, and one padded image a worker.
    Index scratch(int threads) const {
        return scratch_size<T>(packed_weights()) + threads * scratch_size<T>(grid_size());
    }
    void take(ScratchFrame& frame, int threads, const T* weight) {
        weights_ = frame.take<T>(packed_weights());
        grids_ = frame.take<std::byte>(threads * scratch_size<T>(grid_size()));
        pack(weight);
        for (int worker = 0; worker < threads; ++worker) std::fill_n(grid_of(worker), grid_size(), T(0));
    }

    void image(const T* source, T* target, bool accumulate, int worker) const {
        T* grid = grid_of(worker);
        const Index grid_row = grid_width_ * from_.channels, width = packets_ * lanes<T>;
        place_in_grid(source, from_.rows, from_.columns, from_.channels, spread_, kernel_ / 2, grid_width_,
                      grid);
        const Sum sum{kernel_, kernel_ * from_.channels};
        for (Index first = 0; first < to_.channels; first += width) {
            for (Index r = 0; r < to_.rows; ++r) {
                const Columns<T> pixels{grid + r * stride_ * grid_row, stride_ * from_.channels, grid_row, 1};
                multiply_panel(packets_, sum, weights_ + first * sum.size(), pixels, to_.columns,
                               target + r * to_.columns * to_.channels + first, to_.channels,
                               to_.channels - first, accumulate);
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
          packets_(panel_packets<T>(to.channels, to.columns)) {}

    Index taps() const { return kernel_ * kernel_; }
    Index packed_weights() const { return packed_size<T>(to_.channels, taps() * from_.channels, packets_); }
    Index grid_size() const { return grid_height_ * grid_width_ * from_.channels; }
    T* grid_of(int worker) const {
        return reinterpret_cast<T*>(grids_ + worker * scratch_size<T>(grid_size()));
    }

    /// weight (K,K,in,features): its features run over the target's channels, or turned round over the source's.
    void pack(const T* weight) {
        if (!turned_) {
            pack_panels<T>(weights_, to_.channels, taps() * from_.channels, packets_, 1,
                           [&](Index t) { return weight + t * to_.channels; });
            return;
        }
        pack_panels<T>(weights_, to_.channels, taps() * from_.channels, packets_, from_.channels,
                       [&](Index t) {
                           const Index tap = taps() - 1 - t / from_.channels;
                           return weight + tap * to_.channels * from_.channels + t % from_.channels;
                       });
    }

    Index kernel_;
    Map from_;
    Index spread_;
    Map to_;
    Index stride_;
    bool turned_;
    Index grid_width_, grid_height_;
    Index packets_;
    T* weights_ = nullptr;
    std::byte* grids_ = nullptr;
};

/// dweight: every chunk of images sums into its own copy, the copies are added in their order.
template <class T>
class ConvolutionWeightGradient {
  public:
    ConvolutionWeightGradient(const ConvolutionSize& size, Index count)
        : size_(size), packets_(panel_packets<T>(size.features, 12)), chunks_(parts(size, count)) {}

    /// Chunks of images: as many as keep the copies of the weights within bounds, a function of the shapes alone.
    Index chunks() const { return chunks_; }

    Index scratch(int threads) const {
        return chunks_ * scratch_size<T>(size_.weights()) +
               threads * (scratch_size<T>(size_.padded_x()) + scratch_size<T>(packed_dy()));
    }
    void take(ScratchFrame& frame, int threads) {
        sums_ = frame.take<T>(0);
        for (Index i = 0; i < chunks_; ++i) frame.take<T>(size_.weights());
        grids_ = frame.take<T>(0);
        for (int i = 0; i < threads; ++i) frame.take<T>(size_.padded_x());
        packed_ = frame.take<T>(0);
        for (int i = 0; i < threads; ++i) frame.take<T>(packed_dy());
        std::fill_n(sums_, chunks_ * stride_of(size_.weights()), T(0));
        std::fill_n(grids_, threads * stride_of(size_.padded_x()), T(0));
    }

    /// Adds one image's part to its chunk's sum.
    void image(const T* x, const T* dy, Index chunk, int worker) const {
        T* grid = grids_ + worker * stride_of(size_.padded_x());
        T* packed = packed_ + worker * stride_of(packed_dy());
        T* sums = sums_ + chunk * stride_of(size_.weights());
        const Index grid_width = size_.width + size_.border(), width = packets_ * lanes<T>;
        place_in_grid(x, size_.height, size_.width, size_.in, 1, size_.kernel / 2, grid_width, grid);
        pack_panels<T>(packed, size_.features, size_.out_area(), packets_, 1,
                       [&](Index pixel) { return dy + pixel * size_.features; });
        const Sum sum{size_.out_height(), size_.out_width()};
        for (Index first = 0; first < size_.features; first += width) {
            for (Index ky = 0; ky < size_.kernel; ++ky) {
                const Columns<T> taps{grid + ky * grid_width * size_.in, 1,
                                      size_.stride * grid_width * size_.in, size_.stride * size_.in};
                multiply_panel(packets_, sum, packed + first * sum.size(), taps, size_.kernel * size_.in,
                               sums + ky * size_.kernel * size_.in * size_.features + first, size_.features,
                               size_.features - first, true);
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
                for (Index c = 0; c < chunks_; ++c)
                    sum += static_cast<double>(sums_[c * stride_of(size_.weights()) + i]);
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
    Index packed_dy() const { return packed_size<T>(size_.features, size_.out_area(), packets_); }
    static Index stride_of(Index elements) {
        return scratch_size<T>(elements) / static_cast<Index>(sizeof(T));
    }

    ConvolutionSize size_;
    Index packets_;
    Index chunks_;
    T* sums_ = nullptr;
    T* grids_ = nullptr;
    T* packed_ = nullptr;
};

}  // namespace daf::cpu
