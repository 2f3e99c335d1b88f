#pragma once
#include <daf/ops/global_pool.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class In>
struct Kernel<GlobalAveragePool<In>, Reference> {
    using Op = GlobalAveragePool<In>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index c = 0; c < In::channels; ++c) {
                double sum = 0;
                for (Index p = 0; p < In::area; ++p) sum += call.x[n][p * In::channels + c];
                call.y[n][c] = static_cast<T>(sum / In::area);
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        for (Index n = 0; n < call.count(); ++n) {
            for (Index i = 0; i < In::size; ++i) {
                const T share = call.dy[n][i % In::channels] / T(In::area);
                T& dx = call.dx.batch[n][i];
                dx = call.dx.accumulates() ? dx + share : share;
            }
        }
    }
};

template <class In>
struct Kernel<GlobalMaxPool<In>, Reference> {
    using Op = GlobalMaxPool<In>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index c = 0; c < In::channels; ++c) {
                Index winner = 0;
                T largest = call.x[n][c];
                for (Index p = 1; p < In::area; ++p) {
                    const T x = call.x[n][p * In::channels + c];
                    if (x > largest || x != x) {  // a NaN wins
                        largest = x;
                        winner = p;
                    }
                }
                call.y[n][c] = largest;
                if constexpr (M == Mode::train) call.saved.winner[n][c] = static_cast<std::int32_t>(winner);
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        if (!call.dx.accumulates()) std::fill_n(call.dx.batch.data(), call.dx.batch.size(), T(0));
        for (Index n = 0; n < call.count(); ++n) {
            for (Index c = 0; c < In::channels; ++c) {
                call.dx.batch[n][call.saved.winner[n][c] * In::channels + c] += call.dy[n][c];
            }
        }
    }
};

}  // namespace daf
