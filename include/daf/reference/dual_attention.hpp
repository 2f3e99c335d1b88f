#pragma once
#include <daf/ops/dual_attention.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/spatial_attention.hpp>

namespace daf {

/// The composition of the two parts, each through the library's entry points.
template <class In, Index Ratio, Index K, Arrangement A, Hidden H>
struct Kernel<DualAttention<In, Ratio, K, A, H>, Reference> {
    using Op = DualAttention<In, Ratio, K, A, H>;
    using Channel = typename Op::Channel;
    using Spatial = typename Op::Spatial;

    template <class T>
    static Index scratch_bytes(const Reference& ctx, Index count) {
        const Index parts =
            std::max(daf::scratch_bytes<Channel, T>(ctx, count), daf::scratch_bytes<Spatial, T>(ctx, count));
        return parts + saved_scratch_size<Op, T>(count) + 3 * scratch_size<T>(count * In::size) +
               scratch_size<double>(In::area);
    }

    template <Mode M, class T, class Space>
    static void forward(Reference& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto saved = saved_or_scratch(call, frame);
        const auto run = [&](auto part, auto x, auto y, const auto& params, const auto& part_saved) {
            if constexpr (M == Mode::train) {
                daf::forward<train>(ctx, part, x, y, params, part_saved);
            } else {
                daf::forward<eval>(ctx, part, x, y, params);
            }
        };
        const auto middle = map_of<T>(frame, call.count());
        if constexpr (A == Arrangement::channel_first) {
            run(Channel{}, call.x, middle, call.params.channel(), saved.channel());
            run(Spatial{}, middle, call.y, call.params.spatial(), saved.spatial());
        } else if constexpr (A == Arrangement::spatial_first) {
            run(Spatial{}, call.x, middle, call.params.spatial(), saved.spatial());
            run(Channel{}, middle, call.y, call.params.channel(), saved.channel());
        } else {
            // Here neither part's y is of use, only their gates are.
            auto* sums = frame.take<double>(In::area);
            for (Index n = 0; n < call.count(); ++n) {
                reference::channel_gate<Channel, T>({}, call.x[n], call.params.channel(), saved.channel(), n);
                reference::spatial_gate<Spatial, T>({}, call.x[n], call.params.spatial(), saved.spatial(), n,
                                                    sums);
                for (Index i = 0; i < In::size; ++i) call.y[n][i] = gates<T>(saved, n, i) * call.x[n][i];
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto run = [&](auto part, auto x, auto dy, auto dx, const auto& params, const auto& dparams,
                             const auto& saved) {
            daf::backward(ctx, part, x, call.y, dy, dx, params, dparams, saved);
        };
        const auto channel = [&](auto x, auto dy, auto dx) {
            run(Channel{}, x, dy, dx, call.params.channel(), call.dparams.channel(), call.saved.channel());
        };
        const auto spatial = [&](auto x, auto dy, auto dx) {
            run(Spatial{}, x, dy, dx, call.params.spatial(), call.dparams.spatial(), call.saved.spatial());
        };
        const auto middle = map_of<T>(frame, call.count());
        const auto dmiddle = map_of<T>(frame, call.count());
        if constexpr (A == Arrangement::channel_first) {
            daf::forward<eval>(ctx, Channel{}, call.x, middle, call.params.channel());
            spatial(middle, call.dy, overwrite(dmiddle));
            call.dx ? channel(call.x, dmiddle, call.dx) : channel(call.x, dmiddle, skip);
        } else if constexpr (A == Arrangement::spatial_first) {
            daf::forward<eval>(ctx, Spatial{}, call.x, middle, call.params.spatial());
            channel(middle, call.dy, overwrite(dmiddle));
            call.dx ? spatial(call.x, dmiddle, call.dx) : spatial(call.x, dmiddle, skip);
        } else {
            parallel_backward(call, middle, dmiddle, map_of<T>(frame, call.count()), channel, spatial);
        }
    }

  private:
    template <class T>
    static Batch<In, T> map_of(ScratchFrame& frame, Index count) {
        return {frame.take<T>(count * In::size), count};
    }

    /// A_c * A_s at element i of image n.
    template <class T>
    static T gates(const SavedOf<Op, T>& saved, Index n, Index i) {
        return saved.channel_gate[n][i % In::channels] * saved.spatial_gate[n][i / In::channels];
    }

    /// y = A_c A_s x: to each part's backward, the other's gate belongs to dy. Both then have the direct path
    /// A_c A_s dy in their dx, which counts once.
    template <class T, class Space, class ChannelPart, class SpatialPart>
    static void parallel_backward(const BackwardCall<Op, T, Space>& call, Batch<In, T> dy,
                                  Batch<In, T> dx_channel, Batch<In, T> dx_spatial,
                                  const ChannelPart& channel, const SpatialPart& spatial) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index i = 0; i < In::size; ++i) {
                dy[n][i] = call.dy[n][i] * call.saved.spatial_gate[n][i / In::channels];
            }
        }
        channel(call.x, dy, overwrite(dx_channel));
        for (Index n = 0; n < call.count(); ++n) {
            for (Index i = 0; i < In::size; ++i) {
                dy[n][i] = call.dy[n][i] * call.saved.channel_gate[n][i % In::channels];
            }
        }
        spatial(call.x, dy, overwrite(dx_spatial));
        if (!call.dx) return;
        for (Index n = 0; n < call.count(); ++n) {
            for (Index i = 0; i < In::size; ++i) {
                const T direct = gates<T>(call.saved, n, i) * call.dy[n][i];
                const T slope = dx_channel[n][i] + dx_spatial[n][i] - direct;
                T& dx = call.dx.batch[n][i];
                dx = call.dx.accumulates() ? dx + slope : slope;
            }
        }
    }
};

}  // namespace daf
