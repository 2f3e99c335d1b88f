#pragma once
#include <algorithm>
#include <cmath>
#include <daf/ops/softmax_cross_entropy.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class S>
struct Kernel<SoftmaxCrossEntropy<S>, Reference> {
    using Op = SoftmaxCrossEntropy<S>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            const auto x = call.x[n];
            const double largest = *std::max_element(x.data(), x.data() + S::size);
            double sum = 0;
            for (Index k = 0; k < S::size; ++k) sum += std::exp(static_cast<double>(x[k]) - largest);
            const double label = x[call.side.labels.data()[n]];
            call.y[n][0] = static_cast<T>(std::log(sum) - (label - largest));
            if constexpr (M == Mode::train) {
                for (Index k = 0; k < S::size; ++k) {
                    call.saved.probabilities[n][k] =
                        static_cast<T>(std::exp(static_cast<double>(x[k]) - largest) / sum);
                }
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        for (Index n = 0; n < call.count(); ++n) {
            for (Index k = 0; k < S::size; ++k) {
                const T onehot = k == call.side.labels.data()[n] ? T(1) : T(0);
                const T slope = call.dy[n][0] * (call.saved.probabilities[n][k] - onehot);
                T& dx = call.dx.batch[n][k];
                dx = call.dx.accumulates() ? dx + slope : slope;
            }
        }
    }
};

}  // namespace daf
