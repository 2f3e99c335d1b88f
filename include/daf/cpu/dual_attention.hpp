#pragma once
#include <daf/cpu/channel_gate.hpp>
#include <daf/cpu/spatial_gate.hpp>
#include <daf/ops/dual_attention.hpp>

namespace daf {

/// Fused: the pass that applies the first gate pools for the second; parallel, one pass pools for both.
/// Backward never holds the map between the two stages, which is cheaper computed again than read.
template <class In, Index Ratio, Index K, Arrangement A, Hidden H>
struct Kernel<DualAttention<In, Ratio, K, A, H>, Cpu> {
    using Op = DualAttention<In, Ratio, K, A, H>;
    static constexpr auto channel_shape = cpu::ChannelShape::of<typename Op::Channel>();
    static constexpr auto spatial_shape = cpu::SpatialShape::of<typename Op::Spatial>();
    static constexpr Index positions = In::area;
    static constexpr Index channels = In::channels;

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        const Index chunks = chunks_for(count);
        return std::max(
            saved_scratch_size<Op, T>(count) + cpu::ChannelForward<T>::scratch_bytes(channel_shape, chunks),
            cpu::ChannelBackward<T>::scratch_bytes(channel_shape, count, chunks) +
                cpu::SpatialBackward<T>::scratch_bytes(spatial_shape, chunks));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const auto saved = saved_or_scratch(call, frame);
        const cpu::ChannelTensors<T> channel_tensors(channel_shape, call.params, saved);
        const cpu::SpatialTensors<T> spatial_tensors(spatial_shape, call.params, saved);
        const cpu::ChannelForward<T> channel_gates(channel_tensors, chunks, frame);
        each_image(ctx, call.count(), chunks, [&](Index n, Index chunk) {
            const typename cpu::ChannelForward<T>::Image channel(channel_gates, chunk, n);
            const cpu::SpatialForward<T> spatial(spatial_tensors, n);
            apply<T>({call.x[n].data(), channels}, {call.y[n].data(), channels}, channel, spatial);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const cpu::ChannelTensors<T> channel_tensors(channel_shape, call.params, call.saved);
        const cpu::SpatialTensors<T> spatial_tensors(spatial_shape, call.params, call.saved);
        const cpu::ChannelBackward<T> channel_gates(channel_tensors, call.count(), chunks, frame);
        const cpu::SpatialBackward<T> spatial_gates(spatial_tensors, chunks, frame);
        each_image(ctx, call.count(), chunks, [&](Index n, Index chunk) {
            const typename cpu::ChannelBackward<T>::Image channel(channel_gates, chunk, n);
            const typename cpu::SpatialBackward<T>::Image spatial(spatial_gates, chunk, n);
            const ConstRows<T> x(call.x[n].data(), channels), dy(call.dy[n].data(), channels);
            gate_slopes<T>(x, dy, channel, spatial);
            if (!call.dx) return;
            map_slopes<T>(dy, {call.dx.batch[n].data(), channels}, channel, spatial, call.dx.accumulates());
        });
        channel_gates.add_parameter_gradients(ctx, call.dparams);
        spatial_gates.add_parameter_gradients(call.dparams);
    }

  private:
    template <class T>
    using ConstRows = cpu::Rows<const T>;
    template <class T>
    using ChannelSlopes = typename cpu::ChannelBackward<T>::Image;
    template <class T>
    using SpatialSlopes = typename cpu::SpatialBackward<T>::Image;

    /// One image's y.
    template <class T>
    static void apply(ConstRows<T> x, cpu::Rows<T> y, const typename cpu::ChannelForward<T>::Image& channel,
                      const cpu::SpatialForward<T>& spatial) {
        if constexpr (A == Arrangement::channel_first) {
            for (Index p = 0; p < positions; ++p) channel.pool(&x.at(p, 0), p);
            channel.close();
            for (Index p = 0; p < positions; ++p) {
                y[p] = x[p] * channel.gate();
                spatial.pool(&y.at(p, 0), p);
            }
            spatial.close();
            for (Index p = 0; p < positions; ++p) y[p] *= spatial.gate(p);
        } else if constexpr (A == Arrangement::spatial_first) {
            for (Index p = 0; p < positions; ++p) spatial.pool(&x.at(p, 0), p);
            spatial.close();
            for (Index p = 0; p < positions; ++p) {
                y[p] = x[p] * spatial.gate(p);
                channel.pool(&y.at(p, 0), p);
            }
            channel.close();
            for (Index p = 0; p < positions; ++p) y[p] *= channel.gate();
        } else {
            for (Index p = 0; p < positions; ++p) {
                channel.pool(&x.at(p, 0), p);
                spatial.pool(&x.at(p, 0), p);
            }
            channel.close();
            spatial.close();
            for (Index p = 0; p < positions; ++p) y[p] = x[p] * channel.gate() * spatial.gate(p);
        }
    }

    /// Both gates' slopes of one image, the last gate's first, and what follows from them for the pools.
    template <class T>
    static void gate_slopes(ConstRows<T> x, ConstRows<T> dy, const ChannelSlopes<T>& channel,
                            const SpatialSlopes<T>& spatial) {
        if constexpr (A == Arrangement::spatial_first) {
            for (Index p = 0; p < positions; ++p)
                channel.add(p, &x.at(p, 0), &dy.at(p, 0), spatial.gate(p), T(0));
            channel.close();
            channel.to_pools();
            for (Index p = 0; p < positions; ++p) {
                spatial.dgate(p) = (x[p] * (dy[p] * channel.gate() + channel.from_average())).sum();
            }
            channel.from_maximum([&](Index p, Index c, T slope) { spatial.dgate(p) += x.at(p, c) * slope; });
            spatial.close();
        } else {
            for (Index p = 0; p < positions; ++p) spatial.dgate(p) = (x[p] * dy[p] * channel.gate()).sum();
            spatial.close();
            for (Index p = 0; p < positions; ++p) {
                constexpr bool cascade =
                    A == Arrangement::channel_first;  // the spatial pools saw the channel gate
                channel.add(p, &x.at(p, 0), &dy.at(p, 0), spatial.gate(p),
                            cascade ? spatial.from_mean(p) : T(0));
                if (cascade) {
                    const Index c = spatial.argmax(p);
                    channel.add_to(c, x.at(p, c) * spatial.from_maximum(p));
                }
            }
            channel.close();
        }
    }

    /// dx of one image: through both gates, and through the pools, those of the second stage through the
    /// first gate.
    template <class T>
    static void map_slopes(ConstRows<T> dy, cpu::Rows<T> dx, const ChannelSlopes<T>& channel,
                           const SpatialSlopes<T>& spatial, bool accumulate) {
        if constexpr (A != Arrangement::spatial_first) channel.to_pools();
        const auto gate = channel.gate();
        const auto from_average = channel.from_average();
        for (Index p = 0; p < positions; ++p) {
            const T s = spatial.gate(p), from_mean = spatial.from_mean(p);
            const Index c = spatial.argmax(p);
            if constexpr (A == Arrangement::channel_first) {
                cpu::write(dx[p], (dy[p] * s + from_mean) * gate + from_average, accumulate);
                dx.at(p, c) += spatial.from_maximum(p) * gate[c];
            } else if constexpr (A == Arrangement::spatial_first) {
                cpu::write(dx[p], (dy[p] * gate + from_average) * s + from_mean, accumulate);
                dx.at(p, c) += spatial.from_maximum(p);
            } else {
                cpu::write(dx[p], dy[p] * gate * s + from_average + from_mean, accumulate);
                dx.at(p, c) += spatial.from_maximum(p);
            }
        }
        channel.from_maximum([&](Index p, Index c, T slope) {
            dx.at(p, c) += A == Arrangement::spatial_first ? slope * spatial.gate(p) : slope;
        });
    }
};

}  // namespace daf
