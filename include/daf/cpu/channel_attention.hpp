#pragma once
#include <daf/cpu/channel_gate.hpp>

namespace daf {

/// Each image stays in cache from its pools to its output: one pass for the pools, one to apply the gate.
template <class In, Index Ratio, Hidden H>
struct Kernel<ChannelAttention<In, Ratio, H>, Cpu> {
    using Op = ChannelAttention<In, Ratio, H>;
    static constexpr auto shape = cpu::ChannelShape::of<Op>();

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        const Index chunks = chunks_for(count);
        return std::max(
            saved_scratch_size<Op, T>(count) + cpu::ChannelForward<T>::scratch_bytes(shape, chunks),
            cpu::ChannelBackward<T>::scratch_bytes(shape, count, chunks));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const cpu::ChannelTensors<T> tensors(shape, call.params, saved_or_scratch(call, frame));
        const cpu::ChannelForward<T> gates(tensors, chunks, frame);
        each_image(ctx, call.count(), chunks, [&](Index n, Index chunk) {
            const cpu::Rows<const T> x(call.x[n].data(), In::channels);
            const cpu::Rows<T> y(call.y[n].data(), In::channels);
            const typename cpu::ChannelForward<T>::Image channel(gates, chunk, n);
            for (Index p = 0; p < In::area; ++p) channel.pool(&x.at(p, 0), p);
            channel.close();
            for (Index p = 0; p < In::area; ++p) y[p] = x[p] * channel.gate();
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const cpu::ChannelTensors<T> tensors(shape, call.params, call.saved);
        const cpu::ChannelBackward<T> gates(tensors, call.count(), chunks, frame);
        each_image(ctx, call.count(), chunks, [&](Index n, Index chunk) {
            const cpu::Rows<const T> x(call.x[n].data(), In::channels), dy(call.dy[n].data(), In::channels);
            const typename cpu::ChannelBackward<T>::Image channel(gates, chunk, n);
            for (Index p = 0; p < In::area; ++p) channel.add(p, &x.at(p, 0), &dy.at(p, 0), T(1), T(0));
            channel.close();
            if (!call.dx) return;
            channel.to_pools();
            const cpu::Rows<T> dx(call.dx.batch[n].data(), In::channels);
            for (Index p = 0; p < In::area; ++p) {
                cpu::write(dx[p], dy[p] * channel.gate() + channel.from_average(), call.dx.accumulates());
            }
            channel.from_maximum([&](Index p, Index c, T slope) { dx.at(p, c) += slope; });
        });
        gates.add_parameter_gradients(ctx, call.dparams);
    }
};

}  // namespace daf
