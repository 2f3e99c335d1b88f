#pragma once
#include <daf/ops/centre_loss.hpp>
#include <daf/reference/class_centres.hpp>

namespace daf {

template <class S, Index K>
struct Kernel<CentreLoss<S, K>, Reference> {
    using Op = CentreLoss<S, K>;
    static constexpr Index features = S::size;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index i = 0; i < call.count(); ++i) {
            const auto centre = reference::row(call.params.centres, call.side.labels.data()[i]);
            call.y[i][0] = static_cast<T>(reference::half_squared_distance(call.x[i], centre));
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        for (Index i = 0; i < call.count(); ++i) {
            const Index p = call.side.labels.data()[i];
            const auto e = call.x[i];
            const auto c = reference::row(call.params.centres, p);
            const T dy = call.dy[i][0];
            for (Index d = 0; d < features; ++d) {
                const T slope = dy * (e[d] - c[d]);
                if (call.dx) {
                    T& dx = call.dx.batch[i][d];
                    dx = call.dx.accumulates() ? dx + slope : slope;
                }
                if (call.op.centre_update == CentreUpdate::equation_12) {
                    reference::row(call.dparams.own_sum, p)[d] += e[d];
                } else {
                    reference::row(call.dparams.centres, p)[d] -= slope;
                }
            }
            if (call.op.centre_update == CentreUpdate::equation_12) call.dparams.own_count[p] += 1;
        }
    }

    template <class T, class Space>
    static void update_centres(Reference&, const CentreUpdateCall<Op, T, Space>& call) {
        for (Index j = 0; j < K; ++j) {
            const auto c = reference::row(call.params.centres, j);
            for (Index d = 0; d < features; ++d) {
                const double own = reference::mean_step(reference::row(call.sums.own_sum, j)[d],
                                                        call.sums.own_count[j], c[d]);
                c[d] = static_cast<T>(c[d] + call.alpha * own);
            }
        }
    }
};

}  // namespace daf
