#pragma once
// Optimizers work on whole slabs: parameters, gradients and moments share one layout, so that a step is one loop.
#include <daf/core/entry.hpp>
#include <variant>

namespace daf {

namespace header {
struct optimizer {
    static constexpr const char* name = "optimizer";
};
}  // namespace header

/// Adam (Kingma and Ba 2015; reference 45 of the paper), as PyTorch's:
///   g += decay * p (the decayed segment alone)      m = beta1 m + (1 - beta1) g      v = beta2 v + (1 - beta2) g^2
///   p -= rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// Moments: m, v. An element whose gradient is always zero stays as it is. Bits do not depend on threads.
struct Adam {
    static constexpr Index moments = 2;
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0;
};

/// Stochastic gradient descent with momentum, as PyTorch's:
///   g += decay * p (the decayed segment alone)      b = momentum b + g
///   p -= rate * (nesterov ? g + momentum b : b)
/// Moments: b. Bits do not depend on threads.
struct Sgd {
    static constexpr Index moments = 1;
    double learning_rate = 1e-2;
    double momentum = 0.9;
    double weight_decay = 0;
    bool nesterov = true;
};

/// An optimizer chosen at run time.
using Optimizer = std::variant<Adam, Sgd>;

inline double learning_rate(const Optimizer& optimizer) {
    return std::visit([](const auto& o) { return o.learning_rate; }, optimizer);
}
inline void set_learning_rate(Optimizer& optimizer, double rate) {
    std::visit([rate](auto& o) { o.learning_rate = rate; }, optimizer);
}
/// Slabs of moments that it keeps.
inline Index moments(const Optimizer& optimizer) {
    return std::visit([](const auto& o) { return o.moments; }, optimizer);
}

/// The trained part of a slab: `decayed` elements, then `undecayed` ones.
template <class T>
struct UpdateCall {
    T* parameters = nullptr;
    const T* gradients = nullptr;
    T* first_moment = nullptr;
    T* second_moment = nullptr;  // for those that keep two
    Index decayed = 0;
    Index undecayed = 0;
    std::uint32_t step = 1;  // counts from 1

    Index size() const { return decayed + undecayed; }
};

/// One step of an optimizer over a slab. Throws ArgumentError for a missing slab or a step of 0.
template <class Backend, class T>
void update(Backend& ctx, const Optimizer& optimizer, const UpdateCall<T>& call) {
    std::visit(
        [&](const auto& chosen) {
            using Chosen = std::remove_cvref_t<decltype(chosen)>;
            detail::check_kernel<Chosen, Backend, header::optimizer>();
            if constexpr (detail::has_kernel<Chosen, Backend>) {
                if (call.size() == 0) return;
                if (call.parameters == nullptr || call.gradients == nullptr || call.first_moment == nullptr ||
                    (Chosen::moments == 2 && call.second_moment == nullptr)) {
                    detail::throw_argument("optimizer",
                                           "parameters, gradients or moments are null: bind them");
                }
                if (call.step < 1) detail::throw_argument("optimizer", "steps count from 1");
                Kernel<Chosen, Backend>::update(ctx, chosen, call);
            }
        },
        optimizer);
}

}  // namespace daf
