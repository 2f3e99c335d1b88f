#pragma once
#include <daf/cpu/class_centres.hpp>
#include <daf/ops/centre_loss.hpp>

namespace daf {

template <class S, Index K>
struct Kernel<CentreLoss<S, K>, Cpu> {
    using Op = CentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        return cpu::ClassMembers::scratch_bytes(K, count);
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        each_image(ctx, call.count(), chunks_for(call.count(), cpu::vectorised(D)), [&](Index i) {
            const T* centre = call.params.centres.data() + call.side.labels.data()[i] * D;
            call.y[i][0] = static_cast<T>(cpu::half_squared_distance(call.x[i].data(), centre, D));
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const std::int32_t* label = call.side.labels.data();
        auto frame = ctx.scratch();
        const cpu::ClassMembers own(frame, K, call.count(), [&](Index i) { return label[i]; });
        const T *e = call.x.data(), *c = call.params.centres.data(), *dy = call.dy.data();
        const bool exact = call.op.centre_update == CentreUpdate::exact_gradient;
        if (!exact) own.add_counts(call.dparams.own_count.data());
        cpu::parallel_columns(ctx, call.count(), D, 2, [&](Range columns) {
            if (call.dx) write_dx(call, columns);
            if (exact) {
                cpu::add_class_sums(own, columns, D, call.dparams.centres.data(),
                                    [=]<class P>(Index i, Index j, Index d) {
                                        return cpu::scaled_difference<P>(dy[i], c + j * D + d, e + i * D + d);
                                    });
            } else {
                cpu::add_class_sums(
                    own, columns, D, call.dparams.own_sum.data(),
                    [=]<class P>(Index i, Index, Index d) { return cpu::packet::ploadu<P>(e + i * D + d); });
            }
        });
    }

    template <class T, class Space>
    static void update_centres(Cpu& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        const Index chunks = chunks_for(K, 2 * D);
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(K, chunks, chunk);
            for (Index j = first; j < last; ++j) {
                const double count = call.sums.own_count[j], pull = call.alpha / (1 + count);
                const T* sum = call.sums.own_sum.data() + j * D;
                T* centre = call.params.centres.data() + j * D;
                for (Index d = 0; d < D; ++d) {
                    const double c = centre[d];
                    centre[d] = static_cast<T>(c + pull * (sum[d] - count * c));
                }
            }
        });
    }

  private:
    template <class Call>
    static void write_dx(const Call& call, Range columns) {
        for (Index i = 0; i < call.count(); ++i) {
            const auto *e = call.x[i].data(),
                       *c = call.params.centres.data() + call.side.labels.data()[i] * D;
            const auto dy = call.dy[i][0];
            auto* dx = call.dx.batch[i].data();
            if (call.dx.accumulates()) {
                for (Index d = columns.first; d < columns.last; ++d) dx[d] += dy * (e[d] - c[d]);
            } else {
                for (Index d = columns.first; d < columns.last; ++d) dx[d] = dy * (e[d] - c[d]);
            }
        }
    }
};

}  // namespace daf
