#pragma once
#include <cmath>
#include <daf/cpu/context.hpp>
#include <daf/ops/softmax_cross_entropy.hpp>

namespace daf {

template <class S>
struct Kernel<SoftmaxCrossEntropy<S>, Cpu> {
    using Op = SoftmaxCrossEntropy<S>;
    static constexpr Index K = S::size;
    static constexpr Index exponential = 32;  // what one costs, in elementary operations

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        each_image(ctx, call.count(), chunks_for(call.count(), K * exponential), [&](Index n) {
            const T* x = call.x[n].data();
            const T largest = *std::max_element(x, x + K);
            double sum = 0;
            for (Index k = 0; k < K; ++k) {
                // Not Eigen's: its last bit depends on the neighbours that share a register.
                const T term = std::exp(x[k] - largest);
                if constexpr (M == Mode::train) call.saved.probabilities[n][k] = term;
                sum += static_cast<double>(term);
            }
            const double label = x[call.side.labels.data()[n]];
            call.y[n][0] = static_cast<T>(std::log(sum) - (label - static_cast<double>(largest)));
            if constexpr (M == Mode::train) {
                const T scale = static_cast<T>(1 / sum);
                for (Index k = 0; k < K; ++k) call.saved.probabilities[n][k] *= scale;
            }
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), chunks_for(call.count(), K), [&](Index n) {
            const T* p = call.saved.probabilities[n].data();
            const Index label = call.side.labels.data()[n];
            const T dy = call.dy[n][0];
            T* dx = call.dx.batch[n].data();
            if (call.dx.accumulates()) {
                for (Index k = 0; k < K; ++k) dx[k] += dy * (p[k] - (k == label ? T(1) : T(0)));
            } else {
                for (Index k = 0; k < K; ++k) dx[k] = dy * (p[k] - (k == label ? T(1) : T(0)));
            }
        });
    }
};

}  // namespace daf
