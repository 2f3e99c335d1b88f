#pragma once
#include <cmath>
#include <daf/ops/channel_attention.hpp>
#include <daf/reference/context.hpp>

namespace daf {

namespace reference {

inline double sigmoid(double a) {
    return 1 / (1 + std::exp(-a));
}

inline double activate(Hidden kind, double a) {
    if (kind == Hidden::relu) return a < 0 ? 0 : a;  // not max: a NaN stays visible
    return kind == Hidden::sigmoid ? sigmoid(a) : a;
}

/// The slope of activate(kind, a) where its value is `activated`.
inline double activation_slope(Hidden kind, double activated) {
    if (kind == Hidden::relu) return activated > 0 ? 1 : 0;
    return kind == Hidden::sigmoid ? activated * (1 - activated) : 1;
}

/// s = sigmoid(net(avg x) + net(max x)) of one image, and the tensors on the way to it [Eq 1-2].
template <class Op, class T, class Params>
void channel_gate(Op, View<typename Op::Input, const T> x, const Params& params, const SavedOf<Op, T>& saved,
                  Index image) {
    constexpr Index channels = Op::channels, positions = Op::Input::area,
                    hidden_channels = Op::hidden_channels;
    const auto pools = saved.channel_pools[image];
    const auto hidden = saved.hidden[image];

    for (Index c = 0; c < channels; ++c) {
        double sum = 0;
        Index largest = 0;
        for (Index p = 0; p < positions; ++p) {
            sum += x[p * channels + c];
            if (x[p * channels + c] > x[largest * channels + c]) largest = p;
        }
        pools[c] = static_cast<T>(sum / positions);
        pools[channels + c] = x[largest * channels + c];
        saved.channel_argmax[image][c] = static_cast<std::int32_t>(largest);
    }
    for (Index pool = 0; pool < 2; ++pool) {
        for (Index j = 0; j < hidden_channels; ++j) {
            double sum = params.fc1_bias[j];
            for (Index c = 0; c < channels; ++c) {
                sum += double{pools[pool * channels + c]} * params.fc1_weight[c * hidden_channels + j];
            }
            hidden[pool * hidden_channels + j] = static_cast<T>(activate(Op::hidden, sum));
        }
    }
    for (Index c = 0; c < channels; ++c) {
        double sum = 2 * double{params.fc2_bias[c]};
        for (Index pool = 0; pool < 2; ++pool) {
            for (Index j = 0; j < hidden_channels; ++j) {
                sum += double{hidden[pool * hidden_channels + j]} * params.fc2_weight[j * channels + c];
            }
        }
        saved.channel_gate[image][c] = static_cast<T>(sigmoid(sum));
    }
}

}  // namespace reference

template <class In, Index Ratio, Hidden H>
struct Kernel<ChannelAttention<In, Ratio, H>, Reference> {
    using Op = ChannelAttention<In, Ratio, H>;
    static constexpr Index channels = Op::channels, positions = In::area,
                           hidden_channels = Op::hidden_channels;

    template <class T>
    static Index scratch_bytes(const Reference&, Index count) {
        const Index backward =
            scratch_size<double>(count * channels) + scratch_size<double>(2 * count * hidden_channels);
        return std::max(saved_scratch_size<Op, T>(count), backward);
    }

    template <Mode M, class T, class Space>
    static void forward(Reference& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto saved = saved_or_scratch(call, frame);
        for (Index n = 0; n < call.count(); ++n) {
            reference::channel_gate<Op, T>(call.op, call.x[n], call.params, saved, n);
            for (Index i = 0; i < In::size; ++i) {
                call.y[n][i] = saved.channel_gate[n][i % channels] * call.x[n][i];
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference& ctx, const BackwardCall<Op, T, Space>& call) {
        const auto& [w1, b1, w2, b2] = call.params;
        const auto& [pools, argmax, hidden, gate] = call.saved;
        auto frame = ctx.scratch();
        // da: by what the outer sigmoid is given (count, C).  du: by what the hidden activation is given
        // (count, 2, C/r).
        auto* da = frame.take<double>(call.count() * channels);
        auto* du = frame.take<double>(2 * call.count() * hidden_channels);

        for (Index n = 0; n < call.count(); ++n) {
            for (Index c = 0; c < channels; ++c) {
                double dgate = 0;
                for (Index i = c; i < In::size; i += channels) dgate += double{call.dy[n][i]} * call.x[n][i];
                da[n * channels + c] = dgate * gate[n][c] * (1 - double{gate[n][c]});
            }
            for (Index j = 0; j < hidden_channels; ++j) {
                double dhidden = 0;
                for (Index c = 0; c < channels; ++c) dhidden += w2[j * channels + c] * da[n * channels + c];
                for (Index pool = 0; pool < 2; ++pool) {
                    du[(2 * n + pool) * hidden_channels + j] =
                        dhidden * reference::activation_slope(H, hidden[n][pool * hidden_channels + j]);
                }
            }
            if (call.dx) map_gradient(call, n, du + 2 * n * hidden_channels);
        }
        parameter_gradients(call, da, du);
    }

  private:
    /// dx of image n: through y = s * x, and through the two pools.
    template <class T, class Space>
    static void map_gradient(const BackwardCall<Op, T, Space>& call, Index n, const double* du) {
        for (Index c = 0; c < channels; ++c) {
            double daverage = 0, dlargest = 0;
            for (Index j = 0; j < hidden_channels; ++j) {
                daverage += call.params.fc1_weight[c * hidden_channels + j] * du[j];
                dlargest += call.params.fc1_weight[c * hidden_channels + j] * du[hidden_channels + j];
            }
            for (Index p = 0; p < positions; ++p) {
                const Index i = p * channels + c;
                double slope = double{call.dy[n][i]} * call.saved.channel_gate[n][c] + daverage / positions;
                if (p == call.saved.channel_argmax[n][c]) slope += dlargest;
                T& dx = call.dx.batch[n][i];
                dx = static_cast<T>(call.dx.accumulates() ? dx + slope : slope);
            }
        }
    }

    template <class T, class Space>
    static void parameter_gradients(const BackwardCall<Op, T, Space>& call, const double* da,
                                    const double* du) {
        const auto& [dw1, db1, dw2, db2] = call.dparams;
        const Index nets = 2 * call.count();  // net(avg x), net(max x) of every image
        for (Index j = 0; j < hidden_channels; ++j) {
            double sum = 0;
            for (Index k = 0; k < nets; ++k) sum += du[k * hidden_channels + j];
            db1[j] += static_cast<T>(sum);
        }
        for (Index c = 0; c < channels; ++c) {
            double sum = 0;
            for (Index k = 0; k < nets; ++k) sum += da[k / 2 * channels + c];
            db2[c] += static_cast<T>(sum);
        }
        for (Index j = 0; j < hidden_channels; ++j) {
            for (Index c = 0; c < channels; ++c) {
                double first = 0, second = 0;
                for (Index k = 0; k < nets; ++k) {
                    first += call.saved.channel_pools.data()[k * channels + c] * du[k * hidden_channels + j];
                    second += call.saved.hidden.data()[k * hidden_channels + j] * da[k / 2 * channels + c];
                }
                dw1[c * hidden_channels + j] += static_cast<T>(first);
                dw2[j * channels + c] += static_cast<T>(second);
            }
        }
    }
};

}  // namespace daf
