#pragma once
// Optimizers work on whole slabs: parameters, gradients and moments share one layout, so a step is one loop.
#include <cmath>
#include <daf/core/entry.hpp>
#include <daf/core/figures.hpp>
#include <limits>
#include <variant>

namespace daf {

namespace header {
struct optimizer {
    static constexpr const char* name = "optimizer";
};
}  // namespace header

/// Adam (Kingma and Ba 2015; reference 45 of the paper), as PyTorch's:
///   g += decay * p (the decayed segment alone)
///   m = beta1 m + (1 - beta1) g      v = beta2 v + (1 - beta2) g^2
///   p -= rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// Moments: m, v. An element whose gradient is always zero stays as it is. Bits do not depend on threads.
struct Adam {
    static constexpr Index moments = 2;
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;  // above 0: an element that never had a gradient is not divided by 0
    double weight_decay = 0;

    /// Throws ArgumentError for a figure that cannot be.
    void check() const {
        detail::check_amount("Adam", "learning_rate", learning_rate);
        detail::check_share("Adam", "beta1", beta1);
        detail::check_share("Adam", "beta2", beta2);
        const bool fits =
            epsilon <= std::numeric_limits<float>::max() && static_cast<float>(epsilon) > 0;  // in this order
        detail::check_figure(fits, "Adam", "epsilon", "a finite number above 0, in float too", epsilon);
        detail::check_amount("Adam", "weight_decay", weight_decay);
    }
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

    /// Throws ArgumentError for a figure that cannot be.
    void check() const {
        detail::check_amount("Sgd", "learning_rate", learning_rate);
        detail::check_share("Sgd", "momentum", momentum);
        detail::check_amount("Sgd", "weight_decay", weight_decay);
    }
};

/// An optimizer chosen at run time.
using Optimizer = std::variant<Adam, Sgd>;

inline double learning_rate(const Optimizer& optimizer) {
    return std::visit([](const auto& o) { return o.learning_rate; }, optimizer);
}
/// Throws ArgumentError for a rate that cannot be, and then has changed nothing.
inline void set_learning_rate(Optimizer& optimizer, double rate) {
    detail::check_amount("optimizer", "learning_rate", rate);
    std::visit([rate](auto& o) { o.learning_rate = rate; }, optimizer);
}
/// Throws ArgumentError for a figure that cannot be.
inline void check_figures(const Optimizer& optimizer) {
    std::visit([](const auto& o) { o.check(); }, optimizer);
}
/// How many slabs of moments it keeps.
inline Index moment_count(const Optimizer& optimizer) {
    return std::visit([](const auto& o) { return o.moments; }, optimizer);
}

/// What learning rate and step number come to. They change while training goes on, everything else of an
/// optimizer stays.
///   Adam   rate / (1 - beta1^t)  and  1 / sqrt(1 - beta2^t)      Sgd   rate  and  1
struct UpdateScale {
    double rate = 0;
    double root = 1;
};
inline UpdateScale scale_of(const Adam& adam, std::uint32_t step) {
    return {adam.learning_rate / (1 - std::pow(adam.beta1, step)),
            1 / std::sqrt(1 - std::pow(adam.beta2, step))};
}
inline UpdateScale scale_of(const Sgd& sgd, std::uint32_t) {
    return {sgd.learning_rate, 1};
}
inline UpdateScale scale_of(const Optimizer& optimizer, std::uint32_t step) {
    return std::visit([step](const auto& o) { return scale_of(o, step); }, optimizer);
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

    // In the backend's memory, read when the kernel runs; for work that is recorded once and run many times.
    const UpdateScale* scale = nullptr;  // if given, in place of step and learning rate
    const double* loss = nullptr;        // if given, nothing changes unless it is a finite number
    // If given: nothing changes unless *previous_loss is a finite number too, or *check_previous is 0.
    const double* previous_loss = nullptr;
    const std::uint32_t* check_previous = nullptr;

    Index size() const { return decayed + undecayed; }
    /// Callable only where `scale` is readable.
    template <class Chosen>
    UpdateScale scale_now(const Chosen& optimizer) const {
        return scale != nullptr ? *scale : scale_of(optimizer, step);
    }
    /// Callable only where the losses are readable.
    DAF_HOST_DEVICE bool goes_ahead() const {
        const bool checks_previous = previous_loss != nullptr && *check_previous != 0;
        return (loss == nullptr || finite(*loss)) && (!checks_previous || finite(*previous_loss));
    }

  private:
    DAF_HOST_DEVICE static bool finite(double value) { return value - value == 0; }
};

/// One step of an optimizer over a slab. Throws ArgumentError for a missing slab or number, a step of 0, or a
/// figure of the optimizer's that cannot be.
template <class Backend, class T>
void update(Backend& ctx, const Optimizer& optimizer, const UpdateCall<T>& call) {
    std::visit(
        [&](const auto& chosen) {
            using Chosen = std::remove_cvref_t<decltype(chosen)>;
            detail::check_kernel<Chosen, Backend, header::optimizer>();
            if constexpr (detail::has_kernel<Chosen, Backend>) {
                if (call.size() == 0) return;
                chosen.check();
                if (call.parameters == nullptr || call.gradients == nullptr || call.first_moment == nullptr ||
                    (Chosen::moments == 2 && call.second_moment == nullptr)) {
                    detail::throw_argument("optimizer",
                                           "parameters, gradients or moments are null: bind them");
                }
                if ((call.previous_loss == nullptr) != (call.check_previous == nullptr))
                    detail::throw_argument("optimizer", "previous_loss and check_previous go together");
                if (call.scale == nullptr && call.step < 1)
                    detail::throw_argument("optimizer", "steps count from 1");
                Kernel<Chosen, Backend>::update(ctx, chosen, call);
            }
        },
        optimizer);
}

}  // namespace daf
