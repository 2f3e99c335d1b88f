#pragma once
#include <daf/cpu/centre_loss.hpp>
#include <daf/ops/island_loss.hpp>

namespace daf {

/// The centre loss, and the pairs of centres in time linear in them. With the unit vectors u_j = c_j / |c_j|
/// (0 for a centre at the origin) and their sum s,
///   sum over j != k of cos(c_j, c_k) = |s|^2 - sum_j |u_j|^2      g_j = (s - (s . u_j) u_j) / |c_j|.
template <class S, Index K>
struct Kernel<IslandLoss<S, K>, Cpu> {
    using Op = IslandLoss<S, K>;
    using Centre = CentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        return std::max(directions_bytes, Kernel<Centre, Cpu>::template scratch_bytes<T>(ctx, count));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        Kernel<Centre, Cpu>::forward(ctx, centre_part(call));
        auto frame = ctx.scratch();
        const Directions directions(ctx, frame, call.params.centres.data());
        const double pairs = directions.cosines() + static_cast<double>(K * (K - 1));
        const double share = call.op.lambda1 * pairs / static_cast<double>(call.count());
        for (Index i = 0; i < call.count(); ++i) {
            call.y[i][0] = static_cast<T>(static_cast<double>(call.y[i][0]) + share);
        }
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        Kernel<Centre, Cpu>::backward(ctx, centre_part(call));
        if (call.op.centre_update != CentreUpdate::exact_gradient) return;
        double weight = 0;
        for (Index i = 0; i < call.count(); ++i) weight += static_cast<double>(call.dy[i][0]);
        weight *= 2 * call.op.lambda1 / static_cast<double>(call.count());
        auto frame = ctx.scratch();
        const T* centres = call.params.centres.data();
        const Directions directions(ctx, frame, centres);
        for_each_class(ctx, [&](Index j) {
            const T* c = centres + j * D;
            T* dc = call.dparams.centres.data() + j * D;
            const auto g = directions.gradient(j, c);
            for (Index d = 0; d < D; ++d) dc[d] = static_cast<T>(static_cast<double>(dc[d]) + weight * g(d));
        });
    }

    template <class T, class Space>
    static void update_centres(Cpu& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const Directions directions(ctx, frame, call.params.centres.data());
        for_each_class(ctx, [&](Index j) {
            const double count = call.sums.own_count[j], pull = call.alpha / (1 + count);
            const double push = call.alpha * call.op.lambda1 / static_cast<double>(K - 1);
            const T* sum = call.sums.own_sum.data() + j * D;
            T* centre = call.params.centres.data() + j * D;
            const auto g = directions.gradient(j, centre);
            for (Index d = 0; d < D; ++d) {
                const double c = centre[d];
                centre[d] = static_cast<T>(c + pull * (sum[d] - count * c) - push * g(d));
            }
        });
    }

  private:
    static constexpr Index directions_bytes = scratch_size<double>(D) + scratch_size<double>(K);

    template <class Body>
    static void for_each_class(Cpu& ctx, const Body& body) {
        const Index chunks = chunks_for(K, 4 * D);
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(K, chunks, chunk);
            for (Index j = first; j < last; ++j) body(j);
        });
    }

    /// s and the 1 / |c_j|, as the centres stand.
    class Directions {
      public:
        template <class T>
        Directions(Cpu& ctx, ScratchFrame& frame, const T* centres)
            : sum_(frame.take<double>(D)), inverse_length_(frame.take<double>(K)) {
            for_each_class(ctx, [&](Index j) {
                const double length = std::sqrt(dot(centres + j * D, centres + j * D));
                inverse_length_[j] = length == 0 ? 0 : 1 / length;
            });
            cpu::parallel_columns(ctx, K, D, 1, [&](Range columns) {
                std::fill(sum_ + columns.first, sum_ + columns.last, 0.0);
                for (Index j = 0; j < K; ++j) {
                    const T* c = centres + j * D;
                    for (Index d = columns.first; d < columns.last; ++d) {
                        sum_[d] += static_cast<double>(c[d]) * inverse_length_[j];
                    }
                }
            });
        }

        /// The sum of cos(c_j, c_k) over ordered pairs j != k.
        double cosines() const {
            double self = 0;
            for (Index j = 0; j < K; ++j) self += inverse_length_[j] == 0 ? 0 : 1;
            return dot(sum_, sum_) - self;
        }

        /// g_j, element by element. c may change behind the element asked for.
        template <class T>
        auto gradient(Index j, const T* c) const {
            const double inverse = inverse_length_[j];
            const double along = dot(sum_, c) * inverse * inverse;
            return [this, c, inverse, along](Index d) {
                return (sum_[d] - along * static_cast<double>(c[d])) * inverse;
            };
        }

      private:
        template <class A, class B>
        static double dot(const A* a, const B* b) {
            double sum = 0;
            for (Index d = 0; d < D; ++d) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
            return sum;
        }

        double* sum_;
        double* inverse_length_;
    };
};

}  // namespace daf
