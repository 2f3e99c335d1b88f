#pragma once
#include <daf/cpu/spatial_gate.hpp>

namespace daf {

/// Each image stays in cache from its pools to its output: one pass for the pools, one to apply the gate.
template <class In, Index K>
struct Kernel<SpatialAttention<In, K>, Cpu> {
    using Op = SpatialAttention<In, K>;
    static constexpr auto shape = cpu::SpatialShape::of<Op>();

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        return std::max(saved_scratch_size<Op, T>(count),
                        cpu::SpatialBackward<T>::scratch_bytes(shape, chunks_for(count)));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const cpu::SpatialTensors<T> tensors(shape, call.params, saved_or_scratch(call, frame));
        each_image(ctx, call.count(), chunks, [&](Index n) {
            const cpu::Rows<const T> x(call.x[n].data(), In::channels);
            const cpu::Rows<T> y(call.y[n].data(), In::channels);
            const cpu::SpatialForward<T> spatial(tensors, n);
            for (Index p = 0; p < In::area; ++p) spatial.pool(&x.at(p, 0), p);
            spatial.close();
            for (Index p = 0; p < In::area; ++p) y[p] = x[p] * spatial.gate(p);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const Index chunks = chunks_for(call.count());
        const cpu::SpatialTensors<T> tensors(shape, call.params, call.saved);
        const cpu::SpatialBackward<T> gates(tensors, chunks, frame);
        each_image(ctx, call.count(), chunks, [&](Index n, Index chunk) {
            const cpu::Rows<const T> x(call.x[n].data(), In::channels), dy(call.dy[n].data(), In::channels);
            const typename cpu::SpatialBackward<T>::Image spatial(gates, chunk, n);
            for (Index p = 0; p < In::area; ++p) spatial.dgate(p) = (x[p] * dy[p]).sum();
            spatial.close();
            if (!call.dx) return;
            const cpu::Rows<T> dx(call.dx.batch[n].data(), In::channels);
            for (Index p = 0; p < In::area; ++p) {
                cpu::write(dx[p], dy[p] * spatial.gate(p) + spatial.from_mean(p), call.dx.accumulates());
                dx.at(p, spatial.argmax(p)) += spatial.from_maximum(p);
            }
        });
        gates.add_parameter_gradients(call.dparams);
    }
};

}  // namespace daf
