#pragma once
#include <cmath>
#include <daf/ops/optimizer.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<Adam, Reference> {
    template <class T>
    static void update(Reference&, const Adam& adam, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        const UpdateScale scale = call.scale_now(adam);
        for (Index i = 0; i < call.size(); ++i) {
            const double decay = i < call.decayed ? adam.weight_decay : 0;
            const double g =
                static_cast<double>(call.gradients[i]) + decay * static_cast<double>(call.parameters[i]);
            const double m = adam.beta1 * static_cast<double>(call.first_moment[i]) + (1 - adam.beta1) * g;
            const double v =
                adam.beta2 * static_cast<double>(call.second_moment[i]) + (1 - adam.beta2) * g * g;
            call.first_moment[i] = static_cast<T>(m);
            call.second_moment[i] = static_cast<T>(v);
            const double step = scale.rate * m / (std::sqrt(v) * scale.root + adam.epsilon);
            call.parameters[i] = static_cast<T>(static_cast<double>(call.parameters[i]) - step);
        }
    }
};

template <>
struct Kernel<Sgd, Reference> {
    template <class T>
    static void update(Reference&, const Sgd& sgd, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        const double rate = call.scale_now(sgd).rate;
        for (Index i = 0; i < call.size(); ++i) {
            const double decay = i < call.decayed ? sgd.weight_decay : 0;
            const double g =
                static_cast<double>(call.gradients[i]) + decay * static_cast<double>(call.parameters[i]);
            const double b = sgd.momentum * static_cast<double>(call.first_moment[i]) + g;
            call.first_moment[i] = static_cast<T>(b);
            const double step = rate * (sgd.nesterov ? g + sgd.momentum * b : b);
            call.parameters[i] = static_cast<T>(static_cast<double>(call.parameters[i]) - step);
        }
    }
};

}  // namespace daf
