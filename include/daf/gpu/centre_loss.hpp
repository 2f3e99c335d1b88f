#pragma once
#include <daf/gpu/class_centres.hpp>
#include <daf/gpu/column_sums.hpp>
#include <daf/ops/centre_loss.hpp>

namespace daf {

namespace gpu {

/// y = |e - c_p|^2 / 2, a warp a sample.
template <class T>
struct CentreForward {
    static constexpr unsigned threads = 128;
    static constexpr Index samples = threads / warp_size;  // a block
    using Shared = NothingShared;

    const T* x;
    const Wide<T>* centres;
    const std::int32_t* labels;
    Wide<T>* y;
    Index count, classes, features;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index i = block.block() * samples + warp_of(block);
        if (i >= count) return;  // the whole warp, and the block has no barrier
        const Index label = labels[i];
        const bool is_class = label >= 0 && label < classes;
        const Wide<T>* centre = centres + (is_class ? label : 0) * features;
        const double distance = half_squared_distance(block, x + i * features, centre, features);
        if (lane_of(block) == 0) y[i] = static_cast<Wide<T>>(is_class ? distance : no_number);
    }
};

/// What a backward pass meets.
template <class T>
struct CentreSamples {
    const T* x;
    const Wide<T>* centres;
    const Wide<T>* dy;
    const std::int32_t* labels;
    Index count, classes, features;
};

/// dx
template <class T>
struct CentreSlopes {
    CentreSamples<T> samples;
    Slopes<T> dx;

    DAF_HOST_DEVICE void operator()(Index k) const {
        const Index i = k / samples.features, d = k % samples.features, label = samples.labels[i];
        const bool is_class = label >= 0 && label < samples.classes;
        dx.write(
            k, is_class ? samples.dy[i] * (samples.x[k] - samples.centres[label * samples.features + d]) : 0);
    }
};

/// What a sample adds to own_sum, whose columns are the elements (class, feature), and to own_count.
template <class T>
struct CentreTerm {
    CentreSamples<T> samples;

    DAF_HOST_DEVICE Terms operator()(Index i, Index k) const {
        const Index j = k / samples.features, d = k % samples.features;
        if (samples.labels[i] != j) return {};
        return {static_cast<double>(samples.x[i * samples.features + d]), 1};
    }
};
/// The column of feature 0 has counted for its class.
template <class T>
struct KeepCentreSums {
    T *own_sum, *own_count;
    Index features;

    DAF_HOST_DEVICE void operator()(Index k, Terms sum) const {
        add_sum(own_sum[k], sum.first);
        if (k % features == 0) add_sum(own_count[k / features], sum.second);
    }
};

/// The exact gradient of the centres, in the same way.
template <class T>
struct CentreGradientTerm {
    CentreSamples<T> samples;

    DAF_HOST_DEVICE double operator()(Index i, Index k) const {
        const Index j = k / samples.features, d = k % samples.features;
        if (samples.labels[i] != j) return 0;
        return static_cast<double>(samples.dy[i] *
                                   (samples.centres[k] - samples.x[i * samples.features + d]));
    }
};

/// c += alpha (own_sum - n c) / (1 + n)
template <class T>
struct CentreStep {
    T* centres;
    const T *own_sum, *own_count;
    Index features;
    double alpha;

    DAF_HOST_DEVICE void operator()(Index k) const {
        const double count = own_count[k / features], c = centres[k];
        centres[k] = static_cast<T>(c + alpha / (1 + count) * (static_cast<double>(own_sum[k]) - count * c));
    }
};

}  // namespace gpu

/// Labels in a GPU's memory are not checked before the launch: one that is no class gives a NaN loss and no
/// gradient.
template <class S, Index K, GridBackend Backend>
struct Kernel<CentreLoss<S, K>, Backend> {
    using Op = CentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        using Forward = gpu::CentreForward<T>;
        ctx.launch((call.count() + Forward::samples - 1) / Forward::samples,
                   Forward{call.x.data(), call.params.centres.data(), call.side.labels.data(), call.y.data(),
                           call.count(), K, D});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        const gpu::CentreSamples<T> samples{call.x.data(),
                                            call.params.centres.data(),
                                            call.dy.data(),
                                            call.side.labels.data(),
                                            call.count(),
                                            K,
                                            D};
        if (call.dx) {
            gpu::for_each(ctx, call.count() * D, gpu::CentreSlopes<T>{samples, gpu::slopes_of(call.dx)});
        }
        const auto& sums = call.dparams;
        if (call.op.centre_update == CentreUpdate::exact_gradient) {
            gpu::add_columns<double>(ctx, samples.count, K * D, gpu::CentreGradientTerm<T>{samples},
                                     gpu::AddTo<Wide<T>>{sums.centres.data()});
        } else {
            gpu::add_columns<gpu::Terms>(
                ctx, samples.count, K * D, gpu::CentreTerm<T>{samples},
                gpu::KeepCentreSums<Wide<T>>{sums.own_sum.data(), sums.own_count.data(), D});
        }
    }

    template <class T, class Space>
    static void update_centres(Backend& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        gpu::for_each(ctx, K * D,
                      gpu::CentreStep<T>{call.params.centres.data(), call.sums.own_sum.data(),
                                         call.sums.own_count.data(), D, call.alpha});
    }
};

}  // namespace daf
