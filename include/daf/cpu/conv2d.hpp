#pragma once
#include <daf/cpu/convolution.hpp>
#include <daf/ops/conv2d.hpp>

namespace daf {

template <class In, Index Features, Index K, Index Stride, Bias B>
struct Kernel<Conv2d<In, Features, K, Stride, B>, Cpu> {
    using Op = Conv2d<In, Features, K, Stride, B>;
    static constexpr cpu::ConvolutionSize size = cpu::convolution_size<Op>();

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        return std::max(cpu::ConvolutionForward<T>(ctx, size, count).whole_scratch(ctx.threads()),
                        cpu::ConvolutionBackward<T>(ctx, size, count).scratch(ctx.threads()));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        cpu::ConvolutionForward<T>(ctx, size, call.count())
            .transform_and_run(ctx, frame, call.params.weight.data(), size.x_rows(call.x.data()),
                               call.y.data(), [&](T* pixels, Index count, Index) {
                                   if constexpr (Op::with_bias) {
                                       const T* bias = call.params.bias.data();
                                       for (; count > 0; --count, pixels += Features) {
                                           for (Index o = 0; o < Features; ++o) pixels[o] += bias[o];
                                       }
                                   }
                               });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        cpu::ConvolutionBackward<T>(ctx, size, call.count())
            .run(ctx, frame, call.params.weight.data(), size.x_rows(call.x.data()),
                 size.y_rows(call.dy.data()), call.dx ? call.dx.batch.data() : nullptr, call.dx.accumulates(),
                 call.dparams.weight.data());
        if constexpr (Op::with_bias) {
            for (Index o = 0; o < Features; ++o) {
                double sum = 0;
                for (Index i = o; i < call.dy.size(); i += Features)
                    sum += static_cast<double>(call.dy.data()[i]);
                call.dparams.bias[o] += static_cast<T>(sum);
            }
        }
    }
};

}  // namespace daf
