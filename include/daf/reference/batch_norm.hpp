#pragma once
#include <cmath>
#include <daf/ops/batch_norm.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class S>
struct Kernel<BatchNorm<S>, Reference> {
    using Op = BatchNorm<S>;
    static constexpr Index channels = S::channels;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        const Index size = call.x.size(), n = size / channels;
        const T* x = call.x.data();
        for (Index c = 0; c < channels; ++c) {
            double mean = 0, variance = 0;
            if constexpr (M == Mode::train) {
                for (Index i = c; i < size; i += channels) mean += static_cast<double>(x[i]);
                mean /= static_cast<double>(n);
                for (Index i = c; i < size; i += channels) {
                    variance += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
                }
                const double unbiased = variance / static_cast<double>(n - 1);
                variance /= static_cast<double>(n);
                const auto move = [](T& running, double batch) {
                    running = static_cast<T>((1 - Op::momentum) * static_cast<double>(running) +
                                             Op::momentum * batch);
                };
                move(call.params.running_mean[c], mean);
                move(call.params.running_var[c], unbiased);
                call.saved.mean[c] = static_cast<T>(mean);
                call.saved.inverse_std[c] = static_cast<T>(1 / std::sqrt(variance + Op::eps));
            } else {
                mean = call.params.running_mean[c];
                variance = call.params.running_var[c];
            }
            const double inverse_std = 1 / std::sqrt(variance + Op::eps);
            for (Index i = c; i < size; i += channels) {
                const double normalised = (static_cast<double>(x[i]) - mean) * inverse_std;
                call.y.data()[i] = static_cast<T>(normalised * static_cast<double>(call.params.weight[c]) +
                                                  static_cast<double>(call.params.bias[c]));
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        const Index size = call.dy.size(), values = size / channels;
        const auto n = static_cast<double>(values);
        for (Index c = 0; c < channels; ++c) {
            const double mean = call.saved.mean[c], inverse_std = call.saved.inverse_std[c];
            const auto normalised = [&](Index i) {
                return (static_cast<double>(call.x.data()[i]) - mean) * inverse_std;
            };
            double dweight = 0, dbias = 0;
            for (Index i = c; i < size; i += channels) {
                dweight += static_cast<double>(call.dy.data()[i]) * normalised(i);
                dbias += static_cast<double>(call.dy.data()[i]);
            }
            call.dparams.weight[c] += static_cast<T>(dweight);
            call.dparams.bias[c] += static_cast<T>(dbias);
            if (!call.dx) continue;
            for (Index i = c; i < size; i += channels) {
                const double dnormalised =
                    static_cast<double>(call.dy.data()[i]) - dbias / n - normalised(i) * dweight / n;
                const auto slope =
                    static_cast<T>(static_cast<double>(call.params.weight[c]) * inverse_std * dnormalised);
                T& dx = call.dx.batch.data()[i];
                dx = call.dx.accumulates() ? dx + slope : slope;
            }
        }
    }
};

}  // namespace daf
