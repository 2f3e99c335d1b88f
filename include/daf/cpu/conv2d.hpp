#pragma once
#include <daf/cpu/bias_gradient.hpp>
#include <daf/cpu/convolution.hpp>
#include <daf/ops/conv2d.hpp>

namespace daf {

template <class In, Index Features, Index K, Index Stride, Bias B>
struct Kernel<Conv2d<In, Features, K, Stride, B>, Cpu> {
    using Op = Conv2d<In, Features, K, Stride, B>;
    static constexpr ConvolutionSize size = convolution_size<Op>();

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        const Index bias = Op::with_bias ? bias_gradient(count).scratch() : 0;
        return std::max(cpu::ConvolutionForward<T>(ctx, size, count).whole_scratch(ctx.threads()),
                        cpu::ConvolutionBackward<T>(ctx, size, count).scratch(ctx.threads()) + bias);
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        cpu::ConvolutionForward<T>(ctx, size, call.count())
            .transform_and_run(ctx, frame, call.params.weight.data(), cpu::rows_of_x(size, call.x.data()),
                               call.y.data(), [&](T* pixels, Index count, Index) {
                                   if constexpr (Op::with_bias) {
                                       add_bias(call.params.bias.data(), pixels, count);
                                   }
                               });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        cpu::ConvolutionBackward<T>(ctx, size, call.count())
            .run(ctx, frame, call.params.weight.data(), cpu::rows_of_x(size, call.x.data()),
                 cpu::rows_of_y(size, call.dy.data()), call.dx ? call.dx.batch.data() : nullptr,
                 call.dx.accumulates(), call.dparams.weight.data());
        if constexpr (Op::with_bias) {
            bias_gradient(call.count()).add(ctx, frame, call.dy.data(), call.dparams.bias.data());
        }
    }

    /// For inference: see core/prepared.hpp.
    template <class T>
    class Prepared {
      public:
        Prepared(Cpu& ctx, Op, const ParametersOf<Op, const T>& p, Index usual_batch)
            : convolution_(ctx, size, p.weight.data(), usual_batch) {
            if constexpr (Op::with_bias) std::copy_n(p.bias.data(), Features, bias_.begin());
        }

        static Index bytes(const Cpu& ctx, Index usual_batch) {
            return cpu::TransformedConvolution<T>::bytes(ctx, size, usual_batch);
        }
        Index scratch_bytes(const Cpu& ctx, Index count) const { return convolution_.scratch(ctx, count); }
        void forward(Cpu& ctx, Batch<In, const T> x, Batch<typename Op::Output, T> y) const {
            convolution_.run(ctx, x.data(), y.data(), x.count(), {}, [&](T* pixels, Index count, Index) {
                if constexpr (Op::with_bias) add_bias(bias_.data(), pixels, count);
            });
        }

      private:
        cpu::TransformedConvolution<T> convolution_;
        std::array<T, Op::with_bias ? Features : 0> bias_;
    };

  private:
    static constexpr cpu::BiasGradient bias_gradient(Index count) {
        return {count, size.out_area(), Features};
    }
    template <class T>
    static void add_bias(const T* bias, T* pixels, Index count) {
        for (; count > 0; --count, pixels += Features) {
            for (Index o = 0; o < Features; ++o) pixels[o] += bias[o];
        }
    }
};

}  // namespace daf
