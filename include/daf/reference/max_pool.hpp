#pragma once
#include <daf/ops/max_pool.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class In, Index K>
struct Kernel<MaxPool<In, K>, Reference> {
    using Op = MaxPool<In, K>;
    using Out = typename Op::Output;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index out = 0; out < Out::size; ++out) {
                Index winner = 0;
                T largest = call.x[n][place_in_map(out, 0)];
                for (Index k = 1; k < K * K; ++k) {
                    const T x = call.x[n][place_in_map(out, k)];
                    if (x > largest || x != x) {  // a NaN wins
                        largest = x;
                        winner = k;
                    }
                }
                call.y[n][out] = largest;
                if constexpr (M == Mode::train) call.saved.winner[n][out] = static_cast<std::uint8_t>(winner);
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        if (!call.dx.accumulates()) std::fill_n(call.dx.batch.data(), call.dx.batch.size(), T(0));
        for (Index n = 0; n < call.count(); ++n) {
            for (Index out = 0; out < Out::size; ++out) {
                call.dx.batch[n][place_in_map(out, call.saved.winner[n][out])] += call.dy[n][out];
            }
        }
    }

  private:
    /// Where in x the k-th position of an output's window lies.
    static constexpr Index place_in_map(Index out, Index k) {
        const Index channel = out % Out::channels, pixel = out / Out::channels;
        const Index row = pixel / Out::width * K + k / K, column = pixel % Out::width * K + k % K;
        return (row * In::width + column) * In::channels + channel;
    }
};

}  // namespace daf
