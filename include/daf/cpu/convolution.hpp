#pragma once
// The convolution behind Conv2d and ConvBnRelu: direct, channels-last, sizes at run time so that one piece of code
// serves every layer. All three passes are the register-blocked product of gemm.hpp over rows of a zero-padded copy of
// one image; patches are never copied.
#include <algorithm>
#include <daf/cpu/context.hpp>
#include <daf/cpu/gemm.hpp>

namespace daf::cpu {

struct ConvolutionSize {
    Index height, width, in;  // of x
    Index features;
    Index kernel, stride;

    constexpr Index out_height() const { return (height - 1) / stride + 1; }
    constexpr Index out_width() const { return (width - 1) / stride + 1; }
    constexpr Index out_area() const { return out_height() * out_width(); }
    constexpr Index border() const { return kernel - 1; }  // both sides together
    constexpr Index x_size() const { return height * width * in; }
    constexpr Index y_size() const { return out_area() * features; }
    constexpr Index weights() const { return kernel * kernel * in * features; }
    constexpr Index padded_x() const { return (height + border()) * (width + border()) * in; }
    constexpr Index padded_dy() const { return (height + border()) * (width + border()) * features; }
};

template <class Op>
constexpr ConvolutionSize convolution_size() {
    return {Op::Input::height,    Op::Input::width, Op::Input::channels,
            Op::Output::channels, Op::kernel,       Op::stride};
}

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

/// y of images, one at a time, for weights packed once.
template <class T>
class ConvolutionForward {
  public:
    explicit ConvolutionForward(const ConvolutionSize& size)
        : size_(size), packets_(panel_packets<T>(size.features, size.out_width())) {}

    /// What take() takes from the frame: weights, and one padded image a worker.
    Index scratch(int threads) const {
        return scratch_size<T>(packed_weights()) + threads * scratch_size<T>(size_.padded_x());
    }
    void take(ScratchFrame& frame, int threads, const T* weight) {
        weights_ = frame.take<T>(packed_weights());
        grids_ = frame.take<T>(0);
        for (int i = 0; i < threads; ++i) frame.take<T>(size_.padded_x());
        pack_panels<T>(weights_, size_.features, depth(), packets_, 1,
                       [&](Index t) { return weight + t * size_.features; });
        std::fill_n(grids_, threads * grid_stride(), T(0));
    }

    void image(const T* x, T* y, int worker) const {
        T* grid = grids_ + worker * grid_stride();
        const Index grid_width = size_.width + size_.border(), width = packets_ * lanes<T>;
        place_in_grid(x, size_.height, size_.width, size_.in, 1, size_.kernel / 2, grid_width, grid);
        const Sum sum{size_.kernel, size_.kernel * size_.in};
        for (Index first = 0; first < size_.features; first += width) {
            for (Index r = 0; r < size_.out_height(); ++r) {
                const Columns<T> pixels{grid + r * size_.stride * grid_width * size_.in,
                                        size_.stride * size_.in, grid_width * size_.in, 1};
                multiply_panel(packets_, sum, weights_ + first * sum.size(), pixels, size_.out_width(),
                               y + r * size_.out_width() * size_.features + first, size_.features,
                               size_.features - first, false);
            }
        }
    }

  private:
    Index depth() const { return size_.kernel * size_.kernel * size_.in; }
    Index packed_weights() const { return packed_size<T>(size_.features, depth(), packets_); }
    Index grid_stride() const { return scratch_size<T>(size_.padded_x()) / static_cast<Index>(sizeof(T)); }

    ConvolutionSize size_;
    Index packets_;
    T* weights_ = nullptr;
    T* grids_ = nullptr;
};

/// dx of images, one at a time: a convolution of dy with the weights turned round. A stride spreads dy over the grid.
template <class T>
class ConvolutionDataGradient {
  public:
    explicit ConvolutionDataGradient(const ConvolutionSize& size)
        : size_(size), packets_(panel_packets<T>(size.in, size.width)) {}

    Index scratch(int threads) const {
        return scratch_size<T>(packed_weights()) + threads * scratch_size<T>(size_.padded_dy());
    }
    void take(ScratchFrame& frame, int threads, const T* weight) {
        weights_ = frame.take<T>(packed_weights());
        grids_ = frame.take<T>(0);
        for (int i = 0; i < threads; ++i) frame.take<T>(size_.padded_dy());
        const Index taps = size_.kernel * size_.kernel;
        pack_panels<T>(weights_, size_.in, taps * size_.features, packets_, size_.features, [&](Index t) {
            const Index tap = taps - 1 - t / size_.features;
            return weight + tap * size_.in * size_.features + t % size_.features;
        });
        std::fill_n(grids_, threads * grid_stride(), T(0));
    }

    void image(const T* dy, T* dx, bool accumulate, int worker) const {
        T* grid = grids_ + worker * grid_stride();
        const Index grid_width = size_.width + size_.border(), width = packets_ * lanes<T>;
        place_in_grid(dy, size_.out_height(), size_.out_width(), size_.features, size_.stride,
                      size_.kernel / 2, grid_width, grid);
        const Sum sum{size_.kernel, size_.kernel * size_.features};
        for (Index first = 0; first < size_.in; first += width) {
            for (Index r = 0; r < size_.height; ++r) {
                const Columns<T> pixels{grid + r * grid_width * size_.features, size_.features,
                                        grid_width * size_.features, 1};
                multiply_panel(packets_, sum, weights_ + first * sum.size(), pixels, size_.width,
                               dx + r * size_.width * size_.in + first, size_.in, size_.in - first,
                               accumulate);
            }
        }
    }

  private:
    Index packed_weights() const {
        return packed_size<T>(size_.in, size_.kernel * size_.kernel * size_.features, packets_);
    }
    Index grid_stride() const { return scratch_size<T>(size_.padded_dy()) / static_cast<Index>(sizeof(T)); }

    ConvolutionSize size_;
    Index packets_;
    T* weights_ = nullptr;
    T* grids_ = nullptr;
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
