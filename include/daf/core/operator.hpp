#pragma once
// What an operator is. What follows from its description (sizes, bound views) is in slab.hpp.
//
// An operator is a small struct whose shapes stand in its type and which is free of the element type. Most
// are empty; a figure that a user may want to set at run time (a margin, a rate) is a member with a default:
//
//   struct Op {
//       using Header = header::op;                        // its kernels are in daf/<backend>/op.hpp
//       using Input = Shape<...>;  using Output = Shape<...>;
//       template <class T, class Space = Host>
//       struct Parameters { ...views; static constexpr auto fields(); };
//       template <class T, class Space = Host>
//       struct Saved { ...views; static constexpr auto fields(); };
//       static constexpr bool backward_reads_x, backward_reads_y;
//   };
//
// `Nothing` stands in for a missing Parameters or Saved. An operator some of whose parameters follow sums
// over the batch instead of gradients (Eq 12) declares `Gradients` too: its parameters, the state left out,
// and the sums. Otherwise its gradients look like its parameters, the state left out.
#include <concepts>
#include <daf/core/field.hpp>
#include <type_traits>

namespace daf {

/// Whether a forward pass is followed by a backward one. Eval saves nothing and reads parameters only.
enum class Mode { train, eval };
inline constexpr Mode train = Mode::train;
inline constexpr Mode eval = Mode::eval;

/// An operator of the library (or of a user: docs/adding_an_operator.md).
template <class Op>
concept Operator = std::is_aggregate_v<Op> && std::is_trivially_copyable_v<Op> &&
    AnyShape<typename Op::Input> && AnyShape<typename Op::Output> && requires {
    { Op::Header::name } -> std::convertible_to<const char*>;
    { Op::backward_reads_x } -> std::convertible_to<bool>;
    { Op::backward_reads_y } -> std::convertible_to<bool>;
};

/// True for operators that read class labels beside x: the losses.
template <class Op>
inline constexpr bool reads_labels = false;
template <class Op>
requires(Op::classes > 0) inline constexpr bool reads_labels<Op> = true;

/// Images that a training pass needs at least: 2 where a variance is taken over the images alone.
template <class Op>
inline constexpr Index images_to_train = 1;
template <class Op>
requires(Op::least_training_batch >= 1) inline constexpr Index images_to_train<Op> = Op::least_training_batch;

/// Throws ArgumentError for a figure of an operator's that cannot be: what its check() says, where it has
/// one. Owners (Model, Evaluator, Inference) check when they are made, entry points before a kernel runs.
template <class Op>
constexpr void check_figures(const Op& op) {
    if constexpr (requires { op.check(); }) {
        op.check();
    } else {
        static_assert(
            !requires(Op writable) { writable.check(); },
            "daf: check() of an operator must be const, or it is never called");
    }
}

/// True for operators that draw random numbers in training: dropout.
template <class Op>
inline constexpr bool draws_numbers = requires {
    requires Op::draws;
};

namespace detail {

template <class Op, class T, class Space>
struct parameters_of {
    using type = Nothing;
};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Parameters<T, Space>;
}
struct parameters_of<Op, T, Space> {
    using type = typename Op::template Parameters<T, Space>;
};

template <class Op, class T, class Space>
struct gradients_of : parameters_of<Op, T, Space> {};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Gradients<T, Space>;
}
struct gradients_of<Op, T, Space> {
    using type = typename Op::template Gradients<T, Space>;
};

template <class Op, class T, class Space>
struct saved_of {
    using type = Nothing;
};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Saved<T, Space>;
}
struct saved_of<Op, T, Space> {
    using type = typename Op::template Saved<T, Space>;
};

}  // namespace detail

/// With activations of T parameters and gradients are of Wide<T>: ParametersOf<Op, Wide<T>>,
/// GradientsOf<Op, Wide<T>>. What an operator saves is named by T; its statistics are of Wide<T> even so.
template <class Op, class T, class Space = Host>
using ParametersOf = typename detail::parameters_of<Op, T, Space>::type;
template <class Op, class T, class Space = Host>
using GradientsOf = typename detail::gradients_of<Op, T, Space>::type;
template <class Op, class T, class Space = Host>
using SavedOf = typename detail::saved_of<Op, T, Space>::type;

/// The type of Op's outputs: that of its inputs, but a loss is of Wide<T>.
template <class Op, class T>
using OutputElement = std::conditional_t<reads_labels<Op>, Wide<T>, T>;

}  // namespace daf
