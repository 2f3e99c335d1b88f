#pragma once
#include <daf/ops/conv2d.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class In, Index Features, Index K, Index Stride, Bias B>
struct Kernel<Conv2d<In, Features, K, Stride, B>, Reference> {
    using Op = Conv2d<In, Features, K, Stride, B>;
    using Out = typename Op::Output;

    /// visit(x offset, weight offset) for every term of the sum that makes y[r,c,o].
    template <class Visit>
    static void for_each_term(Index r, Index c, Index o, const Visit& visit) {
        for (Index ky = 0; ky < K; ++ky) {
            for (Index kx = 0; kx < K; ++kx) {
                const Index row = r * Stride + ky - K / 2, column = c * Stride + kx - K / 2;
                if (row < 0 || row >= In::height || column < 0 || column >= In::width) continue;
                for (Index i = 0; i < In::channels; ++i) {
                    visit((row * In::width + column) * In::channels + i,
                          ((ky * K + kx) * In::channels + i) * Features + o);
                }
            }
        }
    }

    template <class Visit>
    static void for_each_output(Index count, const Visit& visit) {
        for (Index n = 0; n < count; ++n) {
            for (Index r = 0; r < Out::height; ++r) {
                for (Index c = 0; c < Out::width; ++c) {
                    for (Index o = 0; o < Features; ++o)
                        visit(n, r, c, o, (r * Out::width + c) * Features + o);
                }
            }
        }
    }

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for_each_output(call.count(), [&](Index n, Index r, Index c, Index o, Index at) {
            double sum = 0;
            if constexpr (Op::with_bias) sum = call.params.bias[o];
            for_each_term(r, c, o, [&](Index x, Index w) {
                sum += static_cast<double>(call.x[n][x]) * static_cast<double>(call.params.weight[w]);
            });
            call.y[n][at] = static_cast<T>(sum);
        });
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (call.dx.write == Write::overwrite) {
            for (Index i = 0; i < call.dx.batch.size(); ++i) call.dx.batch.data()[i] = T(0);
        }
        for_each_output(call.count(), [&](Index n, Index r, Index c, Index o, Index at) {
            const T dy = call.dy[n][at];
            if constexpr (Op::with_bias) call.dparams.bias[o] += dy;
            for_each_term(r, c, o, [&](Index x, Index w) {
                call.dparams.weight[w] += dy * call.x[n][x];
                if (call.dx) call.dx.batch[n][x] += dy * call.params.weight[w];
            });
        });
    }
};

}  // namespace daf
