#pragma once
#include <daf/cpu/class_centres.hpp>
#include <daf/ops/triplet_centre_loss.hpp>

namespace daf {

template <class S, Index K>
struct Kernel<TripletCentreLoss<S, K>, Cpu> {
    using Op = TripletCentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        return 2 * cpu::ClassMembers::scratch_bytes(K, count);
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const Index chunks = chunks_for(call.count(), cpu::vectorised(K * D));
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.count(), chunks, chunk);
            for (Index i = first; i < last; i += tile) compare(call, Range{i, std::min(i + tile, last)});
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const std::uint8_t* active = call.saved.active.data();
        const std::int32_t* label = call.side.labels.data();
        const std::int32_t* nearest = call.saved.nearest.data();
        auto frame = ctx.scratch();
        const cpu::ClassMembers own(frame, K, call.count(),
                                    [&](Index i) { return active[i] ? label[i] : -1; });
        const cpu::ClassMembers intruders(frame, K, call.count(),
                                          [&](Index i) { return active[i] ? nearest[i] : -1; });
        const T *e = call.x.data(), *c = call.params.centres.data(), *dy = call.dy.data();
        const bool exact = call.op.centre_update == CentreUpdate::exact_gradient;
        if (!exact) {
            own.add_counts(call.dparams.own_count.data());
            intruders.add_counts(call.dparams.intruder_count.data());
        }
        cpu::parallel_columns(ctx, call.count(), D, 3, [&](Range columns) {
            if (call.dx) write_dx(call, columns);
            if (exact) {
                T* dc = call.dparams.centres.data();
                cpu::add_class_sums(own, columns, D, dc, [=]<class P>(Index i, Index j, Index d) {
                    return cpu::scaled_difference<P>(dy[i], c + j * D + d, e + i * D + d);
                });
                cpu::add_class_sums(intruders, columns, D, dc, [=]<class P>(Index i, Index j, Index d) {
                    return cpu::scaled_difference<P>(dy[i], e + i * D + d, c + j * D + d);
                });
            } else {
                const auto embedding = [=]<class P>(Index i, Index, Index d) {
                    return cpu::packet::ploadu<P>(e + i * D + d);
                };
                cpu::add_class_sums(own, columns, D, call.dparams.own_sum.data(), embedding);
                cpu::add_class_sums(intruders, columns, D, call.dparams.intruder_sum.data(), embedding);
            }
        });
    }

    template <class T, class Space>
    static void update_centres(Cpu& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        const Index chunks = chunks_for(K, 4 * D);
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(K, chunks, chunk);
            for (Index j = first; j < last; ++j) {
                const double own = call.sums.own_count[j], intruders = call.sums.intruder_count[j];
                if (own == 0 && intruders == 0) continue;
                const double pull = call.alpha / (1 + own), push = call.alpha / (1 + intruders);
                const T* own_sum = call.sums.own_sum.data() + j * D;
                const T* intruder_sum = call.sums.intruder_sum.data() + j * D;
                T* centre = call.params.centres.data() + j * D;
                for (Index d = 0; d < D; ++d) {
                    const double c = centre[d];
                    centre[d] = static_cast<T>(c + pull * (own_sum[d] - own * c) -
                                               push * (intruder_sum[d] - intruders * c));
                }
            }
        });
    }

  private:
    static constexpr Index tile = 8;  // samples that share a centre's way into the cache
    // Samples and centres that registers compare at once.
    static constexpr int together = 4, centres_together = cpu::accumulators >= 24 ? 4 : 2;

    struct Comparison {
        double own = 0;      // D(e, c_p)
        double nearest = 0;  // D(e, c_q)
        Index q = -1;

        void meet(Index j, Index label, double distance) {
            if (j == label) {
                own = distance;
            } else if (q < 0 || is_nearer(distance, nearest)) {
                nearest = distance;
                q = j;
            }
        }
    };

    template <class Call>
    static void compare(const Call& call, Range samples) {
        Comparison found[tile];
        constexpr int rest = K % centres_together;
        for (Index j = 0; j < K - rest; j += centres_together)
            compare_with<centres_together>(call, samples, j, found);
        if constexpr (rest > 0) compare_with<rest>(call, samples, K - rest, found);
        for (Index i = samples.first; i < samples.last; ++i) {
            const Comparison& sample = found[i - samples.first];
            const double hinge = sample.own + call.op.margin - sample.nearest;
            using T = std::remove_reference_t<decltype(call.y[i][0])>;
            call.y[i][0] = static_cast<T>(hinge < 0 ? 0 : hinge);  // not max: a NaN stays visible
            if constexpr (Call::training) {
                call.saved.active[i][0] = hinge > 0;
                call.saved.nearest[i][0] = static_cast<std::int32_t>(sample.q);
            }
        }
    }

    /// All samples with the centres j ... j + Centres - 1, in this order.
    template <int Centres, class Call>
    static void compare_with(const Call& call, Range samples, Index j, Comparison* found) {
        const auto* centres = call.params.centres.data() + j * D;
        const std::int32_t* label = call.side.labels.data();
        const auto some = [&]<int Count>(Index i) {
            double distance[Count][Centres];
            cpu::half_squared_distances(call.x[i].data(), centres, D, distance);
            for (Index s = 0; s < Count; ++s) {
                for (Index c = 0; c < Centres; ++c)
                    found[i - samples.first + s].meet(j + c, label[i + s], distance[s][c]);
            }
        };
        Index i = samples.first;
        for (; i + together <= samples.last; i += together) some.template operator()<together>(i);
        for (; i < samples.last; ++i) some.template operator()<1>(i);
    }

    /// A NaN counts as nearer than any number, so that it reaches the loss.
    static bool is_nearer(double distance, double than) {
        return distance < than || (std::isnan(distance) && !std::isnan(than));
    }

    template <class Call>
    static void write_dx(const Call& call, Range columns) {
        const auto* centres = call.params.centres.data();
        for (Index i = 0; i < call.count(); ++i) {
            auto* dx = call.dx.batch[i].data();
            if (!call.saved.active[i][0]) {
                if (!call.dx.accumulates())
                    std::fill(dx + columns.first, dx + columns.last, std::remove_cvref_t<decltype(*dx)>(0));
                continue;
            }
            const auto dy = call.dy[i][0];
            const auto* own = centres + call.side.labels.data()[i] * D;
            const auto* nearest = centres + call.saved.nearest[i][0] * D;
            if (call.dx.accumulates()) {
                for (Index d = columns.first; d < columns.last; ++d) dx[d] += dy * (nearest[d] - own[d]);
            } else {
                for (Index d = columns.first; d < columns.last; ++d) dx[d] = dy * (nearest[d] - own[d]);
            }
        }
    }
};

}  // namespace daf
