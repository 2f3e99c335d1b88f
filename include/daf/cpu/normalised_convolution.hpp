#pragma once
// A convolution, batch normalisation and ReLU as one: the passes behind ConvBnRelu. Sizes are known at run
// time, so that one piece of code serves every layer.
#include <daf/cpu/batch_norm_parts.hpp>
#include <daf/cpu/convolution.hpp>

namespace daf::cpu {

/// The tensors of a layer's training passes, but for the maps.
template <class T>
struct NormalisedTensors {
    const T *weight, *gamma, *beta;
    T *z, *mean, *inverse_std;  // saved
};

/// Running figures and how they move.
template <class T>
struct RunningFigures {
    T *mean, *var;
    double eps, momentum;
};

/// The passes themselves. z, mean and inverse_std are what training forward saves for backward.
template <class T>
class NormalisedConvolution {
  public:
    /// For batches of `count`.
    NormalisedConvolution(const Cpu& ctx, const ConvolutionSize& size, Index count)
        : size_(size), count_(count), forward_(ctx, size, count), backward_(ctx, size, count) {}

    /// Of any of the passes.
    Index scratch(int threads) const {
        const Index forward =
            forward_.whole_scratch(threads) + BatchMoments<T>(size_.features, forward_.slots()).scratch();
        const Index backward =
            Gradient(size_.features, chunks_for(count_)).scratch() +
            std::max(ThreadScratch::size(threads, strip_size()), backward_.scratch(threads));
        return scratch_size<T>(size_.features) + std::max(forward, backward);
    }

    /// z, mean and inverse_std of x, and a step of the running figures.
    void train(Cpu& ctx, const NormalisedTensors<T>& t, const MapRows<T>& x,
               const RunningFigures<T>& running) const {
        auto frame = ctx.scratch();
        BatchMoments<T> moments(size_.features, forward_.slots());
        moments.take(frame);
        forward_.transform_and_run(
            ctx, frame, t.weight, x, t.z,
            [&](const T* pixels, Index count, Index slot) { moments.add(pixels, count, slot); });
        moments.join();
        moments.finish(running.eps, running.momentum, t.mean, t.inverse_std, running.mean, running.var);
    }

    /// y of x by the running figures.
    void infer(Cpu& ctx, const T* weight, const ChannelAffine<T>& affine, const MapRows<T>& x, T* y) const {
        auto frame = ctx.scratch();
        forward_.transform_and_run(ctx, frame, weight, x, y, [&](T* pixels, Index count, Index) {
            normalise<Rectify::yes>(static_cast<const T*>(pixels), count, size_.features, affine, pixels);
        });
    }

    /// Adds the gradients of weight, gamma and beta; dx = or += the gradient by x, unless it is null.
    void backward(Cpu& ctx, const NormalisedTensors<T>& t, const MapRows<T>& x, const SlopeRows<T>& dy, T* dx,
                  bool accumulate, T* dweight, T* dgamma, T* dbeta) const {
        auto frame = ctx.scratch();
        Gradient to_z(size_.features, chunks_for(count_));
        to_z.take(frame, normalisation<T>(size_.features, t.mean, t.inverse_std, t.gamma, t.beta,
                                          frame.take<T>(size_.features)));
        sum_up(ctx, to_z, t.z, dy);
        to_z.finish(count_ * size_.out_area(), t.inverse_std, dgamma, dbeta);
        // dz is made where it is read, a few rows at a time.
        const auto dz = [&](Index n, Index row, T* to) {
            to_z.apply(z_row(t.z, n, row), dy(n, row, 1, to), size_.out_width(), to, false);
        };
        backward_.run(ctx, frame, t.weight, x, dz, dx, accumulate, dweight);
    }

  private:
    using Gradient = NormalisationGradient<T, Rectify::yes>;

    Index row_size() const { return size_.out_width() * size_.features; }
    const T* z_row(const T* z, Index n, Index row) const {
        return z + (n * size_.out_height() + row) * row_size();
    }
    /// Rows of dy that are added up at once: of one image, so that a made dy and a stored one give the same
    /// bits.
    Index strip_rows() const {
        return std::clamp<Index>(pixels_per_sum / size_.out_width(), 1, size_.out_height());
    }
    Index strip_size() const { return scratch_size<T>(strip_rows() * row_size()); }

    void sum_up(Cpu& ctx, const Gradient& to_z, const T* z, const SlopeRows<T>& dy) const {
        auto frame = ctx.scratch();
        ThreadScratch own(frame, ctx.threads(), strip_size());
        const PerThread<T> strips = own.take<T>(strip_rows() * row_size());
        const Index chunks = chunks_for(count_);
        ctx.parallel(chunks, [&](Index chunk, int worker) {
            const Range images = part_of(count_, chunks, chunk);
            for (Index n = images.first; n < images.last; ++n) {
                for (Index row = 0; row < size_.out_height(); row += strip_rows()) {
                    const Index rows = std::min(strip_rows(), size_.out_height() - row);
                    to_z.add(z_row(z, n, row), dy(n, row, rows, strips.of(worker)), rows * size_.out_width(),
                             chunk);
                }
            }
        });
    }

    ConvolutionSize size_;
    Index count_;
    ConvolutionForward<T> forward_;
    ConvolutionBackward<T> backward_;
};

/// y = relu(normalised z) row by row.
template <class T>
struct RectifiedRows {
    const T* z;
    Index height, width, channels;
    ChannelAffine<T> affine;

    void operator()(Index n, Index row, T* to) const {
        normalise<Rectify::yes>(z + (n * height + row) * width * channels, width, channels, affine, to);
    }
    /// All of them.
    void write(Cpu& ctx, Index count, T* y) const {
        ctx.parallel(count, [&](Index n) {
            for (Index row = 0; row < height; ++row)
                (*this)(n, row, y + (n * height + row) * width * channels);
        });
    }
};

/// A convolution with a bias and a ReLU, its weights in the form that the passes read: what inference makes
/// of ConvBnRelu. The normalisation by running figures is a factor and a term for each channel, so it goes
/// into them. A max pool behind it takes the outputs as they are made.
template <class T>
class FoldedConvolution {
  public:
    /// weight (K,K,in,features); affine: the normalisation. window: of the pool, 1 for none.
    FoldedConvolution(Cpu& ctx, const ConvolutionSize& size, const T* weight, const ChannelAffine<T>& affine,
                      Index usual_batch, Index window = 1)
        : window_(window),
          bias_(ctx.allocate(bias_bytes(size))),
          convolution_(ctx, size, folded(size, weight, affine).template as<T>(), usual_batch) {
        for (Index c = 0; c < size.features; ++c)
            bias()[c] = affine.offset[c] - affine.centre[c] * affine.scale[c];
    }

    /// What one allocates, and keeps.
    static Index bytes(const Cpu& ctx, const ConvolutionSize& size, Index usual_batch) {
        return bias_bytes(size) + TransformedConvolution<T>::bytes(ctx, size, usual_batch);
    }

    Index scratch_bytes(const Cpu& ctx, Index count) const {
        return window_ > 1 ? convolution_.pooled_scratch(ctx, count, window_)
                           : convolution_.scratch(ctx, count);
    }
    void forward(Cpu& ctx, const T* x, T* y, Index count) const {
        const OutputFinish<T> finish{Finish::bias_relu, bias()};
        if (window_ > 1) return convolution_.run_pooled(ctx, x, y, count, finish, window_);
        convolution_.run(ctx, x, y, count, finish, [](T*, Index, Index) {});
    }

  private:
    static Index bias_bytes(const ConvolutionSize& size) { return size.features * Index{sizeof(T)}; }
    static HostMemory folded(const ConvolutionSize& size, const T* weight, const ChannelAffine<T>& affine) {
        HostMemory memory(size.weights() * static_cast<Index>(sizeof(T)));
        T* to = memory.template as<T>();
        for (Index i = 0; i < size.weights(); i += size.features) {
            for (Index c = 0; c < size.features; ++c) to[i + c] = weight[i + c] * affine.scale[c];
        }
        return memory;
    }
    T* bias() const { return bias_.template as<T>(); }

    Index window_;
    HostMemory bias_;
    TransformedConvolution<T> convolution_;
};

}  // namespace daf::cpu
