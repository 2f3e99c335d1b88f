#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/relu.hpp>

namespace daf {

namespace gpu {

template <class T>
struct ReluForward {
    const T* x;
    T* y;

    template <Index W>
    DAF_HOST_DEVICE void operator()(Index i, Width<W>) const {
        Pack<Wide<T>, W> pack = load<W>(x + i);
        for (Wide<T>& value : pack.values) value = value < 0 ? 0 : value;
        store(y + i, pack);
    }
};

template <class T>
struct ReluBackward {
    const T *y, *dy;
    Slopes<T> dx;

    template <Index W>
    DAF_HOST_DEVICE void operator()(Index i, Width<W>) const {
        const Pack<Wide<T>, W> output = load<W>(y + i), slope = load<W>(dy + i);
        dx.write(i, pack_of<Wide<T>, W>([&](Index k) { return output[k] > 0 ? slope[k] : 0; }));
    }
};

}  // namespace gpu

template <class S, GridBackend Backend>
struct Kernel<Relu<S>, Backend> {
    using Op = Relu<S>;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::for_each_pack<T>(ctx, call.x.size(), gpu::aligned(x, y), gpu::ReluForward<T>{x, y});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const T *y = call.y.data(), *dy = call.dy.data();
        const gpu::Slopes<T> dx = gpu::slopes_of(call.dx);
        gpu::for_each_pack<T>(ctx, call.dy.size(), gpu::aligned(y, dy, dx.data),
                              gpu::ReluBackward<T>{y, dy, dx});
    }
};

}  // namespace daf
