#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/relu.hpp>

namespace daf {

namespace gpu {

template <class T>
struct ReluForward {
    const T* x;
    T* y;
    DAF_HOST_DEVICE void operator()(Index i) const { y[i] = x[i] < T(0) ? T(0) : x[i]; }
};

template <class T>
struct ReluBackward {
    const T *y, *dy;
    Slopes<T> dx;
    DAF_HOST_DEVICE void operator()(Index i) const { dx.write(i, y[i] > T(0) ? dy[i] : T(0)); }
};

}  // namespace gpu

template <class S, GridBackend Backend>
struct Kernel<Relu<S>, Backend> {
    using Op = Relu<S>;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        gpu::for_each(ctx, call.x.size(), gpu::ReluForward<T>{call.x.data(), call.y.data()});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(ctx, call.dy.size(),
                      gpu::ReluBackward<T>{call.y.data(), call.dy.data(), gpu::slopes_of(call.dx)});
    }
};

}  // namespace daf
