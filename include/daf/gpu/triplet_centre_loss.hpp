#pragma once
#include <daf/gpu/class_centres.hpp>
#include <daf/gpu/column_sums.hpp>
#include <daf/ops/triplet_centre_loss.hpp>

namespace daf {

namespace gpu {

/// A block a sample, a centre a warp at a time.   [Eq 6-10]
template <class T>
struct TripletForward {
    static constexpr unsigned threads = 128;
    static constexpr Index warps = threads / warp_size;
    struct Shared {
        double own;                    // D(e, c_p)
        Found<double> nearest[warps];  // of the other centres that a warp has seen
    };

    const T* x;
    const Wide<T>* centres;
    const std::int32_t* labels;
    Wide<T>* y;
    std::uint8_t* active;  // null in eval
    std::int32_t* nearest;
    Index classes, features;
    double margin;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index i = block.block(), label = labels[i];
        const Index lane = lane_of(block), warp = warp_of(block);
        Found<double> best{0, -1};
        for (Index j = warp; j < classes; j += warps) {
            const double distance =
                half_squared_distance(block, x + i * features, centres + j * features, features);
            const Found<double> here{distance, static_cast<std::int32_t>(j)};
            if (j == label) {
                if (lane == 0) shared.own = distance;
            } else if (is_smaller(here, best)) {
                best = here;
            }
        }
        if (lane == 0) shared.nearest[warp] = best;
        block.sync();
        if (block.thread() != 0) return;
        for (Index other = 1; other < warps; ++other) {
            if (is_smaller(shared.nearest[other], best)) best = shared.nearest[other];
        }
        const bool is_class = label >= 0 && label < classes;
        const double hinge = (is_class ? shared.own + margin : no_number) - best.value;
        y[i] = static_cast<Wide<T>>(hinge < 0 ? 0 : hinge);  // not max: a NaN stays visible
        if (active == nullptr) return;
        active[i] = hinge > 0;
        nearest[i] = best.at;
    }
};

/// What the samples that a backward pass meets are to the centres.
struct TripletSamples {
    const std::uint8_t* active;
    const std::int32_t *labels, *nearest;
    Index count;
};

/// dx   [Eq 11]
template <class T>
struct TripletSlopes {
    TripletSamples samples;
    const Wide<T>* centres;
    const Wide<T>* dy;
    Slopes<T> dx;
    Index features;

    DAF_HOST_DEVICE void operator()(Index k) const {
        const Index i = k / features, d = k % features;
        Wide<T> slope = 0;
        if (samples.active[i] != 0) {
            slope = dy[i] *
                    (centres[samples.nearest[i] * features + d] - centres[samples.labels[i] * features + d]);
        }
        dx.write(k, slope);
    }
};

/// What samples add to an element of both sums of Eq 12, and how many they are.
struct TripletMembers {
    double own, intruders;
    Index own_count, intruder_count;

    DAF_HOST_DEVICE TripletMembers& operator+=(const TripletMembers& more) {
        own += more.own;
        intruders += more.intruders;
        own_count += more.own_count;
        intruder_count += more.intruder_count;
        return *this;
    }
};

/// The sums of Eq 12, whose columns are the elements (class, feature).
template <class T>
struct TripletTerm {
    TripletSamples samples;
    const T* x;
    Index features;

    DAF_HOST_DEVICE TripletMembers operator()(Index i, Index k) const {
        const Index j = k / features, d = k % features;
        if (samples.active[i] == 0) return {};
        const bool own = samples.labels[i] == j, intruder = samples.nearest[i] == j;
        if (!own && !intruder) return {};
        const double value = static_cast<double>(x[i * features + d]);
        return {own ? value : 0, intruder ? value : 0, own, intruder};
    }
};
/// The column of feature 0 has counted for its class.
template <class T>
struct KeepTripletSums {
    T *own_sum, *intruder_sum, *own_count, *intruder_count;
    Index features;

    DAF_HOST_DEVICE void operator()(Index k, const TripletMembers& sum) const {
        add_sum(own_sum[k], sum.own);
        add_sum(intruder_sum[k], sum.intruders);
        if (k % features > 0) return;
        add_sum(own_count[k / features], static_cast<double>(sum.own_count));
        add_sum(intruder_count[k / features], static_cast<double>(sum.intruder_count));
    }
};

/// The exact gradient of the centres, in the same way.
template <class T>
struct TripletCentreTerm {
    TripletSamples samples;
    const T* x;
    const Wide<T>* centres;
    const Wide<T>* dy;
    Index features;

    DAF_HOST_DEVICE double operator()(Index i, Index k) const {
        const Index j = k / features, d = k % features;
        if (samples.active[i] == 0) return 0;
        const Index side = (samples.labels[i] == j) - (samples.nearest[i] == j);
        if (side == 0) return 0;
        return static_cast<double>(side) * static_cast<double>(dy[i] * (centres[k] - x[i * features + d]));
    }
};

/// Eq 12.
template <class T>
struct TripletCentreUpdate {
    T* centres;
    const T *own_sum, *intruder_sum, *own_count, *intruder_count;
    Index features;
    double alpha;

    DAF_HOST_DEVICE void operator()(Index k) const {
        const Index j = k / features;
        const double own = own_count[j], intruders = intruder_count[j], c = centres[k];
        const double pull = alpha / (1 + own), push = alpha / (1 + intruders);
        centres[k] = static_cast<T>(c + pull * (static_cast<double>(own_sum[k]) - own * c) -
                                    push * (static_cast<double>(intruder_sum[k]) - intruders * c));
    }
};

}  // namespace gpu

/// Labels in a GPU's memory are not checked before the launch: one that is no class gives a NaN loss and no
/// gradient.
template <class S, Index K, GridBackend Backend>
struct Kernel<TripletCentreLoss<S, K>, Backend> {
    using Op = TripletCentreLoss<S, K>;
    static constexpr Index D = S::size;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        std::uint8_t* active = nullptr;
        std::int32_t* nearest = nullptr;
        if constexpr (M == Mode::train) {
            active = call.saved.active.data();
            nearest = call.saved.nearest.data();
        }
        ctx.launch(call.count(),
                   gpu::TripletForward<T>{call.x.data(), call.params.centres.data(), call.side.labels.data(),
                                          call.y.data(), active, nearest, K, D, call.op.margin});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        const gpu::TripletSamples samples{call.saved.active.data(), call.side.labels.data(),
                                          call.saved.nearest.data(), call.count()};
        const T* x = call.x.data();
        const Wide<T>*centres = call.params.centres.data(), *dy = call.dy.data();
        if (call.dx) {
            gpu::for_each(ctx, call.count() * D,
                          gpu::TripletSlopes<T>{samples, centres, dy, gpu::slopes_of(call.dx), D});
        }
        const auto& sums = call.dparams;
        if (call.op.centre_update == CentreUpdate::exact_gradient) {
            gpu::add_columns<double>(ctx, samples.count, K * D,
                                     gpu::TripletCentreTerm<T>{samples, x, centres, dy, D},
                                     gpu::AddTo<Wide<T>>{sums.centres.data()});
        } else {
            gpu::add_columns<gpu::TripletMembers>(
                ctx, samples.count, K * D, gpu::TripletTerm<T>{samples, x, D},
                gpu::KeepTripletSums<Wide<T>>{sums.own_sum.data(), sums.intruder_sum.data(),
                                              sums.own_count.data(), sums.intruder_count.data(), D});
        }
    }

    template <class T, class Space>
    static void update_centres(Backend& ctx, const CentreUpdateCall<Op, T, Space>& call) {
        const auto& sums = call.sums;
        gpu::for_each(ctx, K * D,
                      gpu::TripletCentreUpdate<T>{call.params.centres.data(), sums.own_sum.data(),
                                                  sums.intruder_sum.data(), sums.own_count.data(),
                                                  sums.intruder_count.data(), D, call.alpha});
    }
};

}  // namespace daf
