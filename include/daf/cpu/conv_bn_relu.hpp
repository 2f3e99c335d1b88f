#pragma once
#include <array>
#include <daf/cpu/batch_norm_parts.hpp>
#include <daf/cpu/convolution.hpp>
#include <daf/ops/conv_bn_relu.hpp>

namespace daf {

namespace cpu {

/// A convolution with a bias and a ReLU, its weights in the form that the passes read: what inference makes of
/// ConvBnRelu. The normalisation by running figures is a factor and a term for each channel, so it goes into them.
template <class T>
class FoldedConvolution {
  public:
    /// weight (K,K,in,features); affine: the normalisation.
    FoldedConvolution(Cpu& ctx, const ConvolutionSize& size, const T* weight, const ChannelAffine<T>& affine,
                      Index usual_batch)
        : size_(size),
          choice_(choose_convolution<T>(ctx, size, usual_batch, Weights::transformed_before)),
          memory_(ctx.allocate(scratch_size<T>(size.features) + scratch_size<T>(pass(1).transformed()))) {
        const HostMemory folded(size.weights() * static_cast<Index>(sizeof(T)));
        T* to = folded.template as<T>();
        for (Index i = 0; i < size.weights(); i += size.features) {
            for (Index c = 0; c < size.features; ++c) to[i + c] = weight[i + c] * affine.slope[c];
        }
        for (Index c = 0; c < size.features; ++c)
            bias()[c] = affine.offset[c] - affine.centre[c] * affine.slope[c];
        pass(1).transform(ctx, to, weights());
    }

    Index scratch_bytes(const Cpu& ctx, Index count) const { return pass(count).scratch(ctx.threads()); }

    void forward(Cpu& ctx, const T* x, T* y, Index count) const {
        auto frame = ctx.scratch();
        pass(count).run(ctx, frame, weights(), size_.x_rows(x), y, {Finish::bias_relu, bias()},
                        [](T*, Index, Index) {});
    }

  private:
    ConvolutionForward<T> pass(Index count) const { return {choice_, size_, count}; }
    T* bias() const { return memory_.template as<T>(); }
    T* weights() const { return memory_.template as<T>(scratch_size<T>(size_.features)); }

    ConvolutionSize size_;
    ConvolutionChoice choice_;
    HostMemory memory_;
};

}  // namespace cpu

template <class In, Index Features, Index K>
struct Kernel<ConvBnRelu<In, Features, K>, Cpu> {
    using Op = ConvBnRelu<In, Features, K>;
    using Bn = typename Op::Normalisation;
    static constexpr cpu::ConvolutionSize size = cpu::convolution_size<Op>();
    static constexpr Index height = Op::Output::height, width = Op::Output::width, area = Op::Output::area;
    static constexpr Index row_size = width * Features;
    /// Rows of dy that are made at once for the sums of its gradients.
    static constexpr Index strip_rows = std::clamp<Index>(cpu::pixels_per_sum / width, 1, height);
    template <class T>
    using Gradient = cpu::NormalisationGradient<T, cpu::Rectify::yes>;

    // A y need not be stored, nor an x (core/deferred.hpp): y is one step from the z that backward reads anyway.
    static constexpr bool reads_rows = true;
    template <class T>
    class OutputRows {
      public:
        template <class Parameters>
        OutputRows(const Parameters& p, const SavedOf<Op, T>& saved)
            : z_(saved.z.data()),
              affine_(cpu::normalisation<T>(Features, saved.mean.data(), saved.inverse_std.data(),
                                            p.gamma.data(), p.beta.data(), slope_.data())) {}
        OutputRows(const OutputRows&) = delete;
        OutputRows& operator=(const OutputRows&) = delete;

        void operator()(Index n, Index row, T* to) const {
            const T* z = z_ + (n * height + row) * row_size;
            cpu::normalise<cpu::Rectify::yes>(z, width, Features, affine_, to);
        }

      private:
        std::array<T, Features> slope_;
        const T* z_;
        cpu::ChannelAffine<T> affine_;
    };

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        const int threads = ctx.threads();
        const cpu::ConvolutionForward<T> convolution(ctx, size, count);
        const Index forward = convolution.whole_scratch(threads) +
                              cpu::BatchMoments<T>(Features, convolution.slots()).scratch();
        const Index backward = Gradient<T>(Features, chunks_for(count)).scratch() +
                               std::max(threads * scratch_size<T>(strip_rows * row_size),
                                        cpu::ConvolutionBackward<T>(ctx, size, count).scratch(threads));
        return scratch_size<T>(Features) + std::max(forward, backward);
    }

    template <Mode M, class T, class Space, class X>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space, X>& call) {
        const auto& p = call.params;
        auto frame = ctx.scratch();
        const cpu::ConvolutionForward<T> convolution(ctx, size, call.count());
        if constexpr (M == Mode::train) {
            const auto& saved = call.saved;
            require_variance(Op::Header::name, call.count() * area);
            cpu::BatchMoments<T> moments(Features, convolution.slots());
            moments.take(frame);
            convolution.transform_and_run(
                ctx, frame, p.weight.data(), cpu::rows_of(call.x), saved.z.data(),
                [&](const T* pixels, Index count, Index slot) { moments.add(pixels, count, slot); });
            moments.join();
            moments.finish(Bn::eps, Bn::momentum, saved.mean.data(), saved.inverse_std.data(),
                           p.running_mean.data(), p.running_var.data());
            if (call.y.data() == nullptr) return;
            const OutputRows<T> rows(p, saved);
            ctx.parallel(call.count(), [&](Index n) {
                for (Index row = 0; row < height; ++row) rows(n, row, call.y[n].data() + row * row_size);
            });
        } else {
            T* slope = frame.take<T>(Features);
            const auto affine =
                cpu::running_normalisation<T>(Features, p.running_mean.data(), p.running_var.data(), Bn::eps,
                                              p.gamma.data(), p.beta.data(), slope);
            convolution.transform_and_run(ctx, frame, p.weight.data(), cpu::rows_of(call.x), call.y.data(),
                                          [&](T* pixels, Index count, Index) {
                                              cpu::normalise<cpu::Rectify::yes>(static_cast<const T*>(pixels),
                                                                                count, Features, affine,
                                                                                pixels);
                                          });
        }
    }

    static constexpr bool reads_slopes = true;

    template <class T, class Space, class X, class DY>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space, X, DY>& call) {
        const auto& p = call.params;
        const auto& saved = call.saved;
        const Index count = call.count(), chunks = chunks_for(count);
        const auto dy = cpu::slopes_of(call.dy);
        const auto z = [&](Index n, Index row) { return saved.z[n].data() + row * row_size; };
        auto frame = ctx.scratch();
        T* slope = frame.take<T>(Features);
        Gradient<T> to_z(Features, chunks);
        to_z.take(frame, cpu::normalisation<T>(Features, saved.mean.data(), saved.inverse_std.data(),
                                               p.gamma.data(), p.beta.data(), slope));
        {
            auto strips_frame = ctx.scratch();
            const cpu::PerThread<T> strips(strips_frame, ctx.threads(), strip_rows * row_size);
            ctx.parallel(chunks, [&](Index chunk, int worker) {
                const Range images = part_of(count, chunks, chunk);
                for (Index n = images.first; n < images.last; ++n) {
                    for (Index row = 0; row < height; row += strip_rows) {
                        const Index rows = std::min(strip_rows, height - row);
                        to_z.add(z(n, row), dy(n, row, rows, strips.of(worker)), rows * width, chunk);
                    }
                }
            });
        }
        to_z.finish(count * area, saved.inverse_std.data(), call.dparams.gamma.data(),
                    call.dparams.beta.data());
        // dz is made where it is read, a few rows at a time.
        cpu::ConvolutionBackward<T>(ctx, size, count)
            .run(
                ctx, frame, p.weight.data(), cpu::rows_of(call.x),
                [&](Index n, Index row, T* dz) {
                    to_z.apply(z(n, row), dy(n, row, 1, dz), width, dz, false);
                },
                call.dx ? call.dx.batch.data() : nullptr, call.dx.accumulates(), call.dparams.weight.data());
    }

    /// For inference: see core/prepared.hpp.
    template <class T>
    class Prepared {
      public:
        Prepared(Cpu& ctx, Op, const ParametersOf<Op, const T>& p, Index usual_batch)
            : folded_(fold(ctx, p, usual_batch)) {}

        Index scratch_bytes(const Cpu& ctx, Index count) const { return folded_.scratch_bytes(ctx, count); }
        void forward(Cpu& ctx, Batch<In, const T> x, Batch<typename Op::Output, T> y) const {
            folded_.forward(ctx, x.data(), y.data(), x.count());
        }

      private:
        static cpu::FoldedConvolution<T> fold(Cpu& ctx, const ParametersOf<Op, const T>& p,
                                              Index usual_batch) {
            std::array<T, Features> slope;
            const auto affine =
                cpu::running_normalisation<T>(Features, p.running_mean.data(), p.running_var.data(), Bn::eps,
                                              p.gamma.data(), p.beta.data(), slope.data());
            return {ctx, size, p.weight.data(), affine, usual_batch};
        }
        cpu::FoldedConvolution<T> folded_;
    };
};

}  // namespace daf
