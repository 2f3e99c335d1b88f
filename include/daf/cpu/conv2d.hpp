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
        const Index forward = cpu::GridConvolution<T>::forward(size).scratch(ctx.threads());
        const Index backward = cpu::GridConvolution<T>::data_gradient(size).scratch(ctx.threads()) +
                               cpu::ConvolutionWeightGradient<T>(size, count).scratch(ctx.threads());
        return std::max(forward, backward);
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        auto convolution = cpu::GridConvolution<T>::forward(size);
        convolution.take(frame, ctx.threads(), call.params.weight.data());
        ctx.parallel(call.count(), [&](Index n, int worker) {
            T* y = call.y[n].data();
            convolution.image(call.x[n].data(), y, false, worker);
            if constexpr (Op::with_bias) {
                const T* bias = call.params.bias.data();
                for (Index pixel = 0; pixel < Op::Output::area; ++pixel, y += Features) {
                    for (Index o = 0; o < Features; ++o) y[o] += bias[o];
                }
            }
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto to_x = cpu::GridConvolution<T>::data_gradient(size);
        cpu::ConvolutionWeightGradient<T> to_weight(size, call.count());
        if (call.dx) to_x.take(frame, ctx.threads(), call.params.weight.data());
        to_weight.take(frame, ctx.threads());
        ctx.parallel(to_weight.chunks(), [&](Index chunk, int worker) {
            const auto [first, last] = part_of(call.count(), to_weight.chunks(), chunk);
            for (Index n = first; n < last; ++n) {
                const T* dy = call.dy[n].data();
                to_weight.image(call.x[n].data(), dy, chunk, worker);
                if (call.dx) to_x.image(dy, call.dx.batch[n].data(), call.dx.accumulates(), worker);
            }
        });
        to_weight.finish(ctx, call.dparams.weight.data());
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
