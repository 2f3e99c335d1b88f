#pragma once
#include <daf/ops/linear.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class In, Index Features, Start S>
struct Kernel<Linear<In, Features, S>, Reference> {
    using Op = Linear<In, Features, S>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index o = 0; o < Features; ++o) {
                double sum = call.params.bias[o];
                for (Index i = 0; i < In::size; ++i) {
                    sum += static_cast<double>(call.x[n][i]) *
                           static_cast<double>(call.params.weight[i * Features + o]);
                }
                call.y[n][o] = static_cast<T>(sum);
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index o = 0; o < Features; ++o) call.dparams.bias[o] += call.dy[n][o];
            for (Index i = 0; i < In::size; ++i) {
                double sum = 0;
                for (Index o = 0; o < Features; ++o) {
                    call.dparams.weight[i * Features + o] += call.x[n][i] * call.dy[n][o];
                    sum += static_cast<double>(call.dy[n][o]) *
                           static_cast<double>(call.params.weight[i * Features + o]);
                }
                if (!call.dx) continue;
                T& dx = call.dx.batch[n][i];
                dx = call.dx.accumulates() ? dx + static_cast<T>(sum) : static_cast<T>(sum);
            }
        }
    }
};

}  // namespace daf
