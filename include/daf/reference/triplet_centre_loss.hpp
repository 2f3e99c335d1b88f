#pragma once
#include <daf/ops/triplet_centre_loss.hpp>
#include <daf/reference/class_centres.hpp>

namespace daf {

template <class S, Index K>
struct Kernel<TripletCentreLoss<S, K>, Reference> {
    using Op = TripletCentreLoss<S, K>;
    static constexpr Index features = S::size;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index i = 0; i < call.count(); ++i) {
            const Index p = call.side.labels.data()[i];
            Index q = -1;
            double nearest = 0;
            for (Index j = 0; j < K; ++j) {
                if (j == p) continue;
                const double distance = to_centre(call, i, j);
                // A NaN counts as nearer than any number, so that it reaches the loss.
                if (q < 0 || distance < nearest || (std::isnan(distance) && !std::isnan(nearest))) {
                    q = j;
                    nearest = distance;
                }
            }
            const double hinge = to_centre(call, i, p) + call.op.margin - nearest;
            call.y[i][0] = static_cast<T>(hinge < 0 ? 0 : hinge);  // not max: a NaN stays visible
            if constexpr (M == Mode::train) {
                call.saved.active[i][0] = hinge > 0;
                call.saved.nearest[i][0] = static_cast<std::int32_t>(q);
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        for (Index i = 0; i < call.count(); ++i) {
            const bool active = call.saved.active[i][0] != 0;
            const Index p = call.side.labels.data()[i], q = call.saved.nearest[i][0];
            const auto e = call.x[i];
            const auto c_p = reference::row(call.params.centres, p);
            const auto c_q = reference::row(call.params.centres, q);
            const T dy = call.dy[i][0];
            if (call.dx) {
                for (Index d = 0; d < features; ++d) {
                    const T slope = active ? dy * (c_q[d] - c_p[d]) : T(0);
                    T& dx = call.dx.batch[i][d];
                    dx = call.dx.accumulates() ? dx + slope : slope;
                }
            }
            if (!active) continue;
            if (call.op.centre_update == CentreUpdate::equation_12) {
                for (Index d = 0; d < features; ++d) {
                    reference::row(call.dparams.own_sum, p)[d] += e[d];
                    reference::row(call.dparams.intruder_sum, q)[d] += e[d];
                }
                call.dparams.own_count[p] += 1;
                call.dparams.intruder_count[q] += 1;
            } else {
                for (Index d = 0; d < features; ++d) {
                    reference::row(call.dparams.centres, p)[d] += dy * (c_p[d] - e[d]);
                    reference::row(call.dparams.centres, q)[d] += dy * (e[d] - c_q[d]);
                }
            }
        }
    }

    template <class T, class Space>
    static void update_centres(Reference&, const CentreUpdateCall<Op, T, Space>& call) {
        for (Index j = 0; j < K; ++j) {
            const auto c = reference::row(call.params.centres, j);
            for (Index d = 0; d < features; ++d) {
                const double own = reference::mean_step(reference::row(call.sums.own_sum, j)[d],
                                                        call.sums.own_count[j], c[d]);
                const double intruders = reference::mean_step(reference::row(call.sums.intruder_sum, j)[d],
                                                              call.sums.intruder_count[j], c[d]);
                c[d] = static_cast<T>(c[d] + call.alpha * (own - intruders));
            }
        }
    }

  private:
    template <class Call>
    static double to_centre(const Call& call, Index sample, Index centre) {
        return reference::half_squared_distance(call.x[sample], reference::row(call.params.centres, centre));
    }
};

}  // namespace daf
