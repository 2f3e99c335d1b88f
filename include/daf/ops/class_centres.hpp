#pragma once
// What the losses with one centre per class share: their parameters, what moves them, and the call that does.
#include <array>
#include <cmath>
#include <daf/core/entry.hpp>
#include <daf/core/figures.hpp>

namespace daf {

/// What moves the centres of a loss.
enum class CentreUpdate {
    equation_12,  // update_centres, from sums over the batch: Eq 12, or what the loss's own paper has for it
    exact_gradient,  // the gradient of sum_i dy_i y_i by the centres, through the optimizer
};

/// The parameters of such a loss: centres (K,D), normal, standard deviation 0.01.
/// Their role is undecayed. Under equation_12 their gradient stays zero, so that an optimizer leaves them
/// where update_centres puts them.
template <Index Classes, Index Features, class T, class Space>
struct ClassCentres {
    View<Shape<Classes, Features>, T, Space> centres;

    static constexpr auto fields() {
        return Tuple{Parameter{"centres", &ClassCentres::centres, Role::undecayed, init::normal(0.01)}};
    }
};

/// Minus the half squared distance of an embedding e (D) to each centre: the nearest centre has the largest.
/// Sums in double over differences.
template <Index Classes, Index Features, class E, class T>
std::array<double, static_cast<std::size_t>(Classes)> closeness(const E* e,
                                                                View<Shape<Classes, Features>, T> centres) {
    std::array<double, static_cast<std::size_t>(Classes)> scores{};
    const T* c = centres.data();
    for (double& score : scores) {
        for (Index d = 0; d < Features; ++d, ++c) {
            const double apart = static_cast<double>(e[d]) - static_cast<double>(*c);
            score -= 0.5 * apart * apart;
        }
    }
    return scores;
}

/// What backward adds up for the centres of a loss that pulls each to its own samples.
///   centres    (K,D)  their gradient, only under exact_gradient
///   own_sum    (K,D)  sum of the class's embeddings, own_count (K) their number: only under equation_12.
/// The sums are of the batch alone: dy, and so lambda, does not scale them. Data-parallel ranks add theirs
/// up.
template <Index Classes, Index Features, class T, class Space>
struct OwnClassGradients {
    View<Shape<Classes, Features>, T, Space> centres;
    View<Shape<Classes, Features>, T, Space> own_sum;
    View<Shape<Classes>, T, Space> own_count;

    static constexpr auto fields() {
        using G = OwnClassGradients;
        return Tuple{
            Parameter{"centres", &G::centres, Role::undecayed},
            Parameter{"own_sum", &G::own_sum, Role::sum},
            Parameter{"own_count", &G::own_count, Role::sum},
        };
    }
};

/// A loss with centres.
template <class Op>
concept LossWithCentres = Operator<Op> && requires(Op op) {
    { op.centre_update } -> std::convertible_to<CentreUpdate>;
};

/// What Kernel<Op, Backend>::update_centres is handed.
template <LossWithCentres Op, class T, class Space>
struct CentreUpdateCall {
    Op op;
    ParametersOf<Op, T, Space> params;
    GradientsOf<Op, const T, Space> sums;
    double alpha;
};

/// centres += alpha * (the direction that the loss's docstring states), from the sums of the batch and the
/// centres as they are before the call. Call it once a step, after backward (which reads the centres that
/// forward saw).
///   params     of Op (bind<Op>)
///   dparams    of Op (bind_gradients<Op>), holding the step's sums, zeroed before its first backward
/// Throws ArgumentError for a missing buffer, an alpha that is not finite, or a loss whose centres follow the
/// exact gradient (the optimizer moves those). Bits do not depend on threads.
template <class Backend, LossWithCentres Op, class Params, class Gradients>
void update_centres(Backend& ctx, Op op, const Params& params, const Gradients& dparams, double alpha) {
    using T = typename decltype(Params::centres)::Element;
    using Space = typename Backend::Space;
    static_assert(
        std::is_same_v<Params, ParametersOf<Op, T, Space>> && !std::is_const_v<T>,
        "daf: update_centres: params must be the writable parameters of Op, as bind<Op> gives them");
    static_assert(
        std::is_same_v<Gradients, GradientsOf<Op, T, Space>>,
        "daf: update_centres: dparams must be the gradients of Op, as bind_gradients<Op> gives them, of "
        "the element type of params");
    detail::check_kernel<Op, Backend>();
    if constexpr (detail::has_kernel<Op, Backend>) {
        const char* name = Op::Header::name;
        if (!std::isfinite(alpha)) {
            detail::throw_argument(
                name, std::string("update_centres: alpha must be finite, but is ") + detail::text_of(alpha));
        }
        if (op.centre_update != CentreUpdate::equation_12) {
            detail::throw_argument(
                name,
                "update_centres: these centres follow the exact gradient: leave them to the "
                "optimizer, or choose CentreUpdate::equation_12");
        }
        detail::check_parameters(name, detail::tensors_seen(params));
        detail::check_gradients(name, detail::tensors_seen(dparams));
        using Call = CentreUpdateCall<Op, T, Space>;
        ctx.reserve(
            scratch_bytes<Op, T>(ctx, 1));  // the part of it that an update uses is the same for any batch
        Kernel<Op, Backend>::update_centres(
            ctx, Call{op, params, detail::parameters_as<decltype(Call::sums)>(dparams), alpha});
    }
}

}  // namespace daf
