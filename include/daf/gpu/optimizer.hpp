#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/optimizer.hpp>

namespace daf {

namespace gpu {

/// Whether an update goes ahead, and by what scale: `otherwise` where none lies in memory.
template <class T>
struct ScaledSlab {
    UpdateCall<T> slab;
    UpdateScale otherwise;

    DAF_HOST_DEVICE bool goes_ahead() const {
        return slab.if_finite == nullptr || *slab.if_finite - *slab.if_finite == 0;
    }
    DAF_HOST_DEVICE UpdateScale scale() const { return slab.scale != nullptr ? *slab.scale : otherwise; }
};
template <class T, class Chosen>
ScaledSlab<T> scaled_slab(const UpdateCall<T>& call, const Chosen& optimizer) {
    return {call, call.scale != nullptr ? UpdateScale{} : scale_of(optimizer, call.step)};
}

template <class T>
struct AdamStep {
    ScaledSlab<T> scaled;
    T decay, epsilon, keep1, add1, keep2, add2;

    DAF_HOST_DEVICE void operator()(Index i) const {
        if (!scaled.goes_ahead()) return;
        const UpdateCall<T>& slab = scaled.slab;
        const UpdateScale scale = scaled.scale();
        const T rate = static_cast<T>(scale.rate), root = static_cast<T>(scale.root);
        const T p = slab.parameters[i];
        const T g = slab.gradients[i] + (i < slab.decayed ? decay : T(0)) * p;
        const T m = keep1 * slab.first_moment[i] + add1 * g;
        const T v = keep2 * slab.second_moment[i] + add2 * (g * g);
        slab.first_moment[i] = m;
        slab.second_moment[i] = v;
        slab.parameters[i] = p - rate * m / (std::sqrt(v) * root + epsilon);
    }
};

template <class T>
struct SgdStep {
    ScaledSlab<T> scaled;
    T decay, momentum;
    bool nesterov;

    DAF_HOST_DEVICE void operator()(Index i) const {
        if (!scaled.goes_ahead()) return;
        const UpdateCall<T>& slab = scaled.slab;
        const T rate = static_cast<T>(scaled.scale().rate);
        const T p = slab.parameters[i];
        const T g = slab.gradients[i] + (i < slab.decayed ? decay : T(0)) * p;
        const T b = momentum * slab.first_moment[i] + g;
        slab.first_moment[i] = b;
        slab.parameters[i] = p - rate * (nesterov ? g + momentum * b : b);
    }
};

}  // namespace gpu

/// One launch over the whole slab.
template <GridBackend Backend>
struct Kernel<Adam, Backend> {
    template <class T>
    static void update(Backend& ctx, const Adam& adam, const UpdateCall<T>& call) {
        const auto as = [](double value) { return static_cast<T>(value); };
        gpu::for_each(
            ctx, call.size(),
            gpu::AdamStep<T>{gpu::scaled_slab(call, adam), as(adam.weight_decay), as(adam.epsilon),
                             as(adam.beta1), as(1 - adam.beta1), as(adam.beta2), as(1 - adam.beta2)});
    }
};

template <GridBackend Backend>
struct Kernel<Sgd, Backend> {
    template <class T>
    static void update(Backend& ctx, const Sgd& sgd, const UpdateCall<T>& call) {
        gpu::for_each(ctx, call.size(),
                      gpu::SgdStep<T>{gpu::scaled_slab(call, sgd), static_cast<T>(sgd.weight_decay),
                                      static_cast<T>(sgd.momentum), sgd.nesterov});
    }
};

}  // namespace daf
