#pragma once
#include <daf/ops/flatten.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class In>
struct Kernel<Flatten<In>, Reference> {
    using Op = Flatten<In>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index i = 0; i < call.x.size(); ++i) call.y.data()[i] = call.x.data()[i];
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        for (Index i = 0; i < call.dy.size(); ++i) {
            T& dx = call.dx.batch.data()[i];
            dx = call.dx.accumulates() ? dx + call.dy.data()[i] : call.dy.data()[i];
        }
    }
};

}  // namespace daf
