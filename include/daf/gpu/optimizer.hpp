#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/optimizer.hpp>

namespace daf {

namespace gpu {

template <class T>
struct AdamStep {
    UpdateCall<T> slab;
    T decay, rate, root, epsilon, keep1, add1, keep2, add2;

    DAF_HOST_DEVICE void operator()(Index i) const {
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
    UpdateCall<T> slab;
    T decay, rate, momentum;
    bool nesterov;

    DAF_HOST_DEVICE void operator()(Index i) const {
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
        const double scale1 = 1 - std::pow(adam.beta1, call.step),
                     scale2 = 1 - std::pow(adam.beta2, call.step);
        const auto as = [](double value) { return static_cast<T>(value); };
        gpu::for_each(ctx, call.size(),
                      gpu::AdamStep<T>{call, as(adam.weight_decay), as(adam.learning_rate / scale1),
                                       as(1 / std::sqrt(scale2)), as(adam.epsilon), as(adam.beta1),
                                       as(1 - adam.beta1), as(adam.beta2), as(1 - adam.beta2)});
    }
};

template <GridBackend Backend>
struct Kernel<Sgd, Backend> {
    template <class T>
    static void update(Backend& ctx, const Sgd& sgd, const UpdateCall<T>& call) {
        gpu::for_each(
            ctx, call.size(),
            gpu::SgdStep<T>{call, static_cast<T>(sgd.weight_decay), static_cast<T>(sgd.learning_rate),
                            static_cast<T>(sgd.momentum), sgd.nesterov});
    }
};

}  // namespace daf
