#pragma once
#include <daf/ops/relu.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class S>
struct Kernel<Relu<S>, Reference> {
    using Op = Relu<S>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index i = 0; i < call.x.size(); ++i) {
            const T x = call.x.data()[i];
            call.y.data()[i] = x < 0 ? T(0) : x;  // not max: a NaN stays visible
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        for (Index i = 0; i < call.dy.size(); ++i) {
            const T slope = call.y.data()[i] > 0 ? call.dy.data()[i] : T(0);
            T& dx = call.dx.batch.data()[i];
            dx = call.dx.accumulates() ? dx + slope : slope;
        }
    }
};

}  // namespace daf
