#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/optimizer.hpp>

namespace daf {

namespace gpu {

/// An update and its scale: `otherwise` where none lies in memory.
template <class T>
struct ScaledSlab {
    UpdateCall<T> slab;
    UpdateScale otherwise;

    DAF_HOST_DEVICE UpdateScale scale() const { return slab.scale != nullptr ? *slab.scale : otherwise; }
};
template <class T, class Chosen>
ScaledSlab<T> scaled_slab(const UpdateCall<T>& call, const Chosen& optimizer) {
    return {call, call.scale != nullptr ? UpdateScale{} : scale_of(optimizer, call.step)};
}

template <class T>
bool may_move_packs(const UpdateCall<T>& call) {
    return aligned(call.parameters, call.gradients, call.first_moment, call.second_moment);
}

template <class T>
struct AdamStep {
    ScaledSlab<T> scaled;
    T decay, epsilon, keep1, add1, keep2, add2;

    template <Index W>
    DAF_HOST_DEVICE void operator()(Index i, Width<W>) const {
        if (!scaled.slab.goes_ahead()) return;
        const UpdateCall<T>& slab = scaled.slab;
        const UpdateScale scale = scaled.scale();
        const T rate = static_cast<T>(scale.rate), root = static_cast<T>(scale.root);
        Pack<T, W> p = load<W>(slab.parameters + i), m = load<W>(slab.first_moment + i),
                   v = load<W>(slab.second_moment + i);
        const Pack<T, W> gradient = load<W>(slab.gradients + i);
        for (Index k = 0; k < W; ++k) {
            const T g = gradient[k] + (i + k < slab.decayed ? decay : T(0)) * p[k];
            m[k] = keep1 * m[k] + add1 * g;
            v[k] = keep2 * v[k] + add2 * (g * g);
            p[k] -= rate * m[k] / (std::sqrt(v[k]) * root + epsilon);
        }
        store(slab.first_moment + i, m);
        store(slab.second_moment + i, v);
        store(slab.parameters + i, p);
    }
};

template <class T>
struct SgdStep {
    ScaledSlab<T> scaled;
    T decay, momentum;
    bool nesterov;

    template <Index W>
    DAF_HOST_DEVICE void operator()(Index i, Width<W>) const {
        if (!scaled.slab.goes_ahead()) return;
        const UpdateCall<T>& slab = scaled.slab;
        const T rate = static_cast<T>(scaled.scale().rate);
        Pack<T, W> p = load<W>(slab.parameters + i), b = load<W>(slab.first_moment + i);
        const Pack<T, W> gradient = load<W>(slab.gradients + i);
        for (Index k = 0; k < W; ++k) {
            const T g = gradient[k] + (i + k < slab.decayed ? decay : T(0)) * p[k];
            b[k] = momentum * b[k] + g;
            p[k] -= rate * (nesterov ? g + momentum * b[k] : b[k]);
        }
        store(slab.first_moment + i, b);
        store(slab.parameters + i, p);
    }
};

}  // namespace gpu

/// One launch over the whole slab.
template <GridBackend Backend>
struct Kernel<Adam, Backend> {
    template <class T>
    static void update(Backend& ctx, const Adam& adam, const UpdateCall<T>& call) {
        const auto as = [](double value) { return static_cast<T>(value); };
        gpu::for_each_pack<T>(
            ctx, call.size(), gpu::may_move_packs(call),
            gpu::AdamStep<T>{gpu::scaled_slab(call, adam), as(adam.weight_decay), as(adam.epsilon),
                             as(adam.beta1), as(1 - adam.beta1), as(adam.beta2), as(1 - adam.beta2)});
    }
};

template <GridBackend Backend>
struct Kernel<Sgd, Backend> {
    template <class T>
    static void update(Backend& ctx, const Sgd& sgd, const UpdateCall<T>& call) {
        gpu::for_each_pack<T>(ctx, call.size(), gpu::may_move_packs(call),
                              gpu::SgdStep<T>{gpu::scaled_slab(call, sgd), static_cast<T>(sgd.weight_decay),
                                              static_cast<T>(sgd.momentum), sgd.nesterov});
    }
};

}  // namespace daf
