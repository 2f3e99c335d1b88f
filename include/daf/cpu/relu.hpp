#pragma once
#include <Eigen/Core>
#include <daf/cpu/context.hpp>
#include <daf/ops/relu.hpp>

namespace daf {

template <class S>
struct Kernel<Relu<S>, Cpu> {
    using Op = Relu<S>;
    template <class T>
    using Flat = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
    template <class T>
    using ConstFlat = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const Index chunks = chunks_for(call.count());
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.x.size(), chunks, chunk);
            const ConstFlat<T> x(call.x.data() + first, last - first);
            Flat<T>(call.y.data() + first, last - first) = (x < T(0)).select(T(0), x);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const Index chunks = chunks_for(call.count());
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.dy.size(), chunks, chunk);
            const ConstFlat<T> y(call.y.data() + first, last - first);
            const ConstFlat<T> dy(call.dy.data() + first, last - first);
            Flat<T> dx(call.dx.batch.data() + first, last - first);
            if (call.dx.accumulates()) {
                dx += (y > T(0)).select(dy, T(0));
            } else {
                dx = (y > T(0)).select(dy, T(0));
            }
        });
    }
};

}  // namespace daf
