#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/flatten.hpp>

namespace daf {

namespace gpu {

/// to = from, or to += from.
template <class T>
struct Copy {
    const T* from;
    Slopes<T> to;
    DAF_HOST_DEVICE void operator()(Index i) const { to.write(i, from[i]); }
};

}  // namespace gpu

template <class In, GridBackend Backend>
struct Kernel<Flatten<In>, Backend> {
    using Op = Flatten<In>;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        gpu::for_each(ctx, call.x.size(), gpu::Copy<T>{call.x.data(), {call.y.data(), false}});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(ctx, call.dy.size(), gpu::Copy<T>{call.dy.data(), gpu::slopes_of(call.dx)});
    }
};

}  // namespace daf
