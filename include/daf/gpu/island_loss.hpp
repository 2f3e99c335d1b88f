#pragma once
#include <cmath>
#include <daf/core/scratch.hpp>
#include <daf/gpu/centre_loss.hpp>
#include <daf/ops/island_loss.hpp>

namespace daf {

namespace gpu {

/// What the pairs of centres come down to: with the unit vectors u_j = c_j / |c_j| (0 for a centre at the
/// origin) and their sum s,
///   sum over j != k of cos(c_j, c_k) = |s|^2 - sum_j |u_j|^2      g_j = (s - (s . u_j) u_j) / |c_j|.
struct Directions {
    double* sum;             // s, one a feature
    double* inverse_length;  // 1 / |c_j|, one a class
    Index classes, features;
};

/// The inverse lengths, a warp a class.
template <class T>
struct InverseLengths {
    static constexpr unsigned threads = 128;
    static constexpr Index per_block = threads / warp_size;
    using Shared = NothingShared;

    const T* centres;
    Directions directions;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index j = block.block() * per_block + warp_of(block);
        if (j >= directions.classes) return;  // the whole warp, and the block has no barrier
        double square = 0;
        for (Index d = lane_of(block); d < directions.features; d += warp_size) {
            const double c = centres[j * directions.features + d];
            square += c * c;
        }
        const double length = std::sqrt(warp_sum(block, square));
        if (lane_of(block) == 0) directions.inverse_length[j] = length == 0 ? 0 : 1 / length;
    }
};

/// s, a thread a feature.
template <class T>
struct SumOfDirections {
    const T* centres;
    Directions directions;

    DAF_HOST_DEVICE void operator()(Index d) const {
        double sum = 0;
        for (Index j = 0; j < directions.classes; ++j) {
            sum += static_cast<double>(centres[j * directions.features + d]) * directions.inverse_length[j];
        }
        directions.sum[d] = sum;
    }
};

struct IslandShared {
    double partial[8];  // one a warp
};

/// Adds each sample's share of the pairs to its loss: one block.
template <class T>
struct IslandShares {
    static constexpr unsigned threads = 256;
    using Shared = IslandShared;

    Directions directions;
    T* y;
    Index count;
    double lambda1;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        double square = 0, self = 0;
        for (Index d = block.thread(); d < directions.features; d += block.threads()) {
            square += directions.sum[d] * directions.sum[d];
        }
        for (Index j = block.thread(); j < directions.classes; j += block.threads()) {
            self += directions.inverse_length[j] == 0 ? 0 : 1;
        }
        const double cosines =
            block_sum(block, square, shared.partial) - block_sum(block, self, shared.partial);
        const double pairs = cosines + static_cast<double>(directions.classes * (directions.classes - 1));
        const double share = lambda1 * pairs / static_cast<double>(count);
        for (Index i = block.thread(); i < count; i += block.threads()) add_sum(y[i], share);
    }
};

/// A block a class: hands every element of g_j, known before any is used, to finish(d, g).
template <BlockContext B, class T, class Finish>
DAF_HOST_DEVICE void each_slope(const B& block, double* partial, const Directions& directions, const T* c,
                                const Finish& finish) {
    const double inverse = directions.inverse_length[block.block()];
    double product = 0;
    for (Index d = block.thread(); d < directions.features; d += block.threads()) {
        product += directions.sum[d] * static_cast<double>(c[d]);
    }
    const double along = block_sum(block, product, partial) * inverse * inverse;
    for (Index d = block.thread(); d < directions.features; d += block.threads()) {
        finish(d, (directions.sum[d] - along * static_cast<double>(c[d])) * inverse);
    }
}

/// The pairs' part of the exact gradient: 2 lambda1 (mean of dy) g_j.
template <class T>
struct IslandGradient {
    static constexpr unsigned threads = 256;
    using Shared = IslandShared;

    Directions directions;
    const T *centres, *dy;
    T* dcentres;
    Index count;
    double lambda1;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        double sum = 0;
        for (Index i = block.thread(); i < count; i += block.threads()) sum += static_cast<double>(dy[i]);
        const double weight =
            2 * lambda1 * block_sum(block, sum, shared.partial) / static_cast<double>(count);
        const Index first = block.block() * directions.features;
        T* dc = dcentres + first;
        each_slope(block, shared.partial, directions, centres + first,
                   [=](Index d, double g) { add_sum(dc[d], weight * g); });
    }
};

/// c_j += alpha [ (own_sum_j - n_j c_j) / (1 + n_j)  -  lambda1 / (K - 1) g_j ]
template <class T>
struct IslandStep {
    static constexpr unsigned threads = 256;
    using Shared = IslandShared;

    Directions directions;
    T* centres;
    const T *own_sum, *own_count;
    double alpha, lambda1;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index first = block.block() * directions.features;
        const double count = own_count[block.block()], pull = alpha / (1 + count);
        const double push = alpha * lambda1 / static_cast<double>(directions.classes - 1);
        T* centre = centres + first;
        const T* sum = own_sum + first;
        each_slope(block, shared.partial, directions, centre, [=](Index d, double g) {
            const double c = centre[d];
            centre[d] = static_cast<T>(c + pull * (static_cast<double>(sum[d]) - count * c) - push * g);
        });
    }
};

}  // namespace gpu

/// The centre loss, and the pairs of centres in time linear in them. Labels as for CentreLoss.
template <class S, Index K, GridBackend Backend>
struct Kernel<IslandLoss<S, K>, Backend> {
    using Op = IslandLoss<S, K>;
    using Centre = CentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <class T>
    static Index scratch_bytes(const Backend&, Index) {
        return scratch_size<double>(D) + scratch_size<double>(K);
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        Kernel<Centre, Backend>::forward(ctx, centre_part(call));
        auto frame = ctx.scratch();
        const gpu::Directions directions = directions_of(ctx, frame, call.params.centres.data());
        ctx.launch(1, gpu::IslandShares<Wide<T>>{directions, call.y.data(), call.count(), call.op.lambda1});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        Kernel<Centre, Backend>::backward(ctx, centre_part(call));
        if (call.op.centre_update != CentreUpdate::exact_gradient) return;
        auto frame = ctx.scratch();
        const Wide<T>* centres = call.params.centres.data();
        const gpu::Directions directions = directions_of(ctx, frame, centres);
        ctx.launch(
            K, gpu::IslandGradient<Wide<T>>{directions, centres, call.dy.data(), call.dparams.centres.data(),
                                            call.count(), call.op.lambda1});
    }

    template <class T, class Space>
    static void update_centres(Backend& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        T* centres = call.params.centres.data();
        const gpu::Directions directions = directions_of(ctx, frame, static_cast<const T*>(centres));
        ctx.launch(K, gpu::IslandStep<T>{directions, centres, call.sums.own_sum.data(),
                                         call.sums.own_count.data(), call.alpha, call.op.lambda1});
    }

  private:
    /// As the centres stand when the kernels come to it.
    template <class Frame, class T>
    static gpu::Directions directions_of(Backend& ctx, Frame& frame, const T* centres) {
        using Lengths = gpu::InverseLengths<T>;
        const gpu::Directions directions{frame.template take<double>(D), frame.template take<double>(K), K,
                                         D};
        ctx.launch((K + Lengths::per_block - 1) / Lengths::per_block, Lengths{centres, directions});
        gpu::for_each(ctx, D, gpu::SumOfDirections<T>{centres, directions});
        return directions;
    }
};

}  // namespace daf
