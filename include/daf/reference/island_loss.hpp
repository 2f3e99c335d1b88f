#pragma once
#include <daf/ops/island_loss.hpp>
#include <daf/reference/centre_loss.hpp>

namespace daf {

/// The centre loss, and the pairs of centres beside it.
template <class S, Index K>
struct Kernel<IslandLoss<S, K>, Reference> {
    using Op = IslandLoss<S, K>;
    using Centre = CentreLoss<S, K>;
    static constexpr Index features = S::size;

    template <class T>
    static Index scratch_bytes(const Reference&, Index) {
        return scratch_size<double>(K * features);
    }

    template <Mode M, class T, class Space>
    static void forward(Reference& ctx, const ForwardCall<Op, M, T, Space>& call) {
        Kernel<Centre, Reference>::forward(ctx, centre_part(call));
        double pairs = 0;
        for (Index j = 0; j < K; ++j) {
            for (Index k = 0; k < K; ++k) {
                if (k != j) pairs += cosine(row(call, j), row(call, k)) + 1;
            }
        }
        const double share = call.op.lambda1 * pairs / static_cast<double>(call.count());
        for (Index i = 0; i < call.count(); ++i) call.y[i][0] = static_cast<T>(call.y[i][0] + share);
    }

    template <class T, class Space>
    static void backward(Reference& ctx, const BackwardCall<Op, T, Space>& call) {
        Kernel<Centre, Reference>::backward(ctx, centre_part(call));
        if (call.op.centre_update != CentreUpdate::exact_gradient) return;
        auto frame = ctx.scratch();
        double* g = cosine_gradients(frame, call);
        double mean = 0;
        for (Index i = 0; i < call.count(); ++i) mean += call.dy[i][0] / static_cast<double>(call.count());
        for (Index at = 0; at < K * features; ++at) {
            call.dparams.centres[at] += static_cast<T>(2 * call.op.lambda1 * mean * g[at]);
        }
    }

    template <class T, class Space>
    static void update_centres(Reference& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const double* g = cosine_gradients(frame, call);
        const double average = call.op.lambda1 / static_cast<double>(K - 1);
        for (Index j = 0; j < K; ++j) {
            for (Index d = 0; d < features; ++d) {
                T& c = call.params.centres[j * features + d];
                const double own =
                    reference::mean_step(call.sums.own_sum[j * features + d], call.sums.own_count[j], c);
                c = static_cast<T>(c + call.alpha * (own - average * g[j * features + d]));
            }
        }
    }

  private:
    template <class Call>
    static auto row(const Call& call, Index j) {
        return reference::row(call.params.centres, j);
    }

    template <class V>
    static double dot(V a, V b) {
        double sum = 0;
        for (Index d = 0; d < features; ++d) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
        return sum;
    }

    template <class V>
    static double cosine(V a, V b) {
        const double lengths = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
        return lengths == 0 ? 0 : dot(a, b) / lengths;
    }

    /// g (K,D) of the docstring, one pair after another.
    template <class Call>
    static double* cosine_gradients(ScratchFrame& frame, const Call& call) {
        auto* g = frame.take<double>(K * features);
        for (Index j = 0; j < K; ++j) {
            const auto c_j = row(call, j);
            const double squared = dot(c_j, c_j);
            for (Index d = 0; d < features; ++d) g[j * features + d] = 0;
            for (Index k = 0; k < K; ++k) {
                const auto c_k = row(call, k);
                const double lengths = std::sqrt(squared) * std::sqrt(dot(c_k, c_k));
                if (k == j || lengths == 0) continue;
                const double towards = cosine(c_j, c_k) / squared;
                for (Index d = 0; d < features; ++d)
                    g[j * features + d] += c_k[d] / lengths - towards * c_j[d];
            }
        }
        return g;
    }
};

}  // namespace daf
