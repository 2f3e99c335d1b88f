#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/flatten.hpp>

namespace daf {

template <class In, GridBackend Backend>
struct Kernel<Flatten<In>, Backend> {
    using Op = Flatten<In>;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        gpu::convert(ctx, call.x.size(), call.x.data(), gpu::Slopes<T>{call.y.data(), false});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::convert(ctx, call.dy.size(), call.dy.data(), gpu::slopes_of(call.dx));
    }
};

}  // namespace daf
