#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/flatten.hpp>

namespace daf {

template <class In>
struct Kernel<Flatten<In>, Cpu> {
    using Op = Flatten<In>;

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const Index chunks = chunks_for(call.count(), In::size);
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.x.size(), chunks, chunk);
            std::copy_n(call.x.data() + part.first, part.size(), call.y.data() + part.first);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const Index chunks = chunks_for(call.count(), In::size);
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.dy.size(), chunks, chunk);
            const T* __restrict dy = call.dy.data() + part.first;
            T* __restrict dx = call.dx.batch.data() + part.first;
            if (!call.dx.accumulates()) {
                std::copy_n(dy, part.size(), dx);
                return;
            }
            for (Index i = 0; i < part.size(); ++i) dx[i] += dy[i];
        });
    }
};

}  // namespace daf
