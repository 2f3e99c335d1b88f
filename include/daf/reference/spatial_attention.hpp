#pragma once
#include <cmath>
#include <daf/ops/spatial_attention.hpp>
#include <daf/reference/context.hpp>

namespace daf {

namespace reference {

/// Calls visit(output, input, tap) for every position of the map, every tap of the kernel and the position
/// that the tap meets there, if it lies in the map.
template <class Op, class Visit>
void for_each_meeting(Op, const Visit& visit) {
    constexpr Index height = Op::Input::height, width = Op::Input::width, kernel = Op::kernel;
    for (Index row = 0; row < height; ++row) {
        for (Index column = 0; column < width; ++column) {
            for (Index tap = 0; tap < kernel * kernel; ++tap) {
                const Index r = row + tap / kernel - kernel / 2, c = column + tap % kernel - kernel / 2;
                if (r < 0 || r >= height || c < 0 || c >= width) continue;
                visit(row * width + column, r * width + c, tap);
            }
        }
    }
}

/// s = sigmoid(conv [mean x, max x]) of one image, and the tensors on the way to it [Eq 3]. `sums` has room
/// for a number at each position.
template <class Op, class T, class Params>
void spatial_gate(Op op, View<typename Op::Input, const T> x, const Params& params,
                  const SavedOf<Op, T>& saved, Index image, double* sums) {
    constexpr Index channels = Op::Input::channels, positions = Op::Input::area;
    const auto pools = saved.spatial_pools[image];

    for (Index p = 0; p < positions; ++p) {
        double sum = 0;
        Index largest = 0;
        for (Index c = 0; c < channels; ++c) {
            sum += x[p * channels + c];
            if (x[p * channels + c] > x[p * channels + largest]) largest = c;
        }
        pools[p] = static_cast<T>(sum / channels);
        pools[positions + p] = x[p * channels + largest];
        saved.spatial_argmax[image][p] = static_cast<std::int32_t>(largest);
    }
    for (Index p = 0; p < positions; ++p) sums[p] = params.conv_bias[0];
    for_each_meeting(op, [&](Index output, Index input, Index tap) {
        for (Index pool = 0; pool < 2; ++pool) {
            sums[output] += double{params.conv_weight[2 * tap + pool]} * pools[pool * positions + input];
        }
    });
    for (Index p = 0; p < positions; ++p)
        saved.spatial_gate[image][p] = static_cast<T>(1 / (1 + std::exp(-sums[p])));
}

}  // namespace reference

template <class In, Index K>
struct Kernel<SpatialAttention<In, K>, Reference> {
    using Op = SpatialAttention<In, K>;
    static constexpr Index channels = In::channels, positions = In::area, weights = 2 * K * K;

    template <class T>
    static Index scratch_bytes(const Reference&, Index count) {
        const Index forward = saved_scratch_size<Op, T>(count) + scratch_size<double>(positions);
        const Index backward = scratch_size<double>(3 * positions) + scratch_size<double>(weights + 1);
        return std::max(forward, backward);
    }

    template <Mode M, class T, class Space>
    static void forward(Reference& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto saved = saved_or_scratch(call, frame);
        auto* sums = frame.take<double>(positions);
        for (Index n = 0; n < call.count(); ++n) {
            reference::spatial_gate<Op, T>(call.op, call.x[n], call.params, saved, n, sums);
            for (Index i = 0; i < In::size; ++i) {
                call.y[n][i] = saved.spatial_gate[n][i / channels] * call.x[n][i];
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto* dt = frame.take<double>(3 * positions);  // by what the sigmoid is given
        double* dpools = dt + positions;               // by mean and maximum
        auto* dweight = frame.take<double>(weights + 1);
        double& dbias = dweight[weights];
        std::fill_n(dweight, weights + 1, 0.0);

        for (Index n = 0; n < call.count(); ++n) {
            const auto gate = call.saved.spatial_gate[n];
            const auto pools = call.saved.spatial_pools[n];
            for (Index p = 0; p < positions; ++p) {
                double dgate = 0;
                for (Index i = p * channels; i < (p + 1) * channels; ++i) {
                    dgate += double{call.dy[n][i]} * call.x[n][i];
                }
                dt[p] = dgate * gate[p] * (1 - double{gate[p]});
                dbias += dt[p];
            }
            std::fill_n(dpools, 2 * positions, 0.0);
            reference::for_each_meeting(call.op, [&](Index output, Index input, Index tap) {
                for (Index pool = 0; pool < 2; ++pool) {
                    dweight[2 * tap + pool] += dt[output] * pools[pool * positions + input];
                    dpools[pool * positions + input] += dt[output] * call.params.conv_weight[2 * tap + pool];
                }
            });
            if (call.dx) map_gradient(call, n, dpools);
        }
        for (Index i = 0; i < weights; ++i) call.dparams.conv_weight[i] += static_cast<T>(dweight[i]);
        call.dparams.conv_bias[0] += static_cast<T>(dbias);
    }

  private:
    /// dx of image n: through y = s * x, and through the two pools.
    template <class T, class Space>
    static void map_gradient(const BackwardCall<Op, T, Space>& call, Index n, const double* dpools) {
        for (Index i = 0; i < In::size; ++i) {
            const Index p = i / channels;
            double slope = double{call.dy[n][i]} * call.saved.spatial_gate[n][p] + dpools[p] / channels;
            if (i % channels == call.saved.spatial_argmax[n][p]) slope += dpools[positions + p];
            T& dx = call.dx.batch[n][i];
            dx = static_cast<T>(call.dx.accumulates() ? dx + slope : slope);
        }
    }
};

}  // namespace daf
