#pragma once
// The one checked way into every operator:
//
//   forward<train>(ctx, op, x, y, params, saved [, labels | draw]);
//   forward<eval>(ctx, op, x, y, params [, Nothing{}, labels]);
//   backward(ctx, op, x, y, dy, overwrite(dx) | accumulate(dx) | skip, params, dparams, saved
//            [, labels | draw]);
//
// Shapes, element types and memory spaces are checked by the compiler, counts and pointers at run time.
#include <daf/core/argument_checks.hpp>
#include <utility>

namespace daf {

/// The kernels of one operator on one backend; specialised in daf/<backend>/<header>.
///   static void forward(Backend&, const ForwardCall<Op, M, T, Space>&);
///   static void backward(Backend&, const BackwardCall<Op, T, Space>&);
///   template <class T> static Index scratch_bytes(const Backend&, Index count);
///   template <class T> static Index eval_scratch_bytes(...);      where forward<eval> takes less
/// and, where a network need not store a map between two operators, what core/deferred.hpp says.
template <class Op, class Backend>
struct Kernel;

namespace arg {  // the arguments as the compiler's messages name them
struct x;
struct y;
struct dy;
struct dx;
struct params;
struct dparams;
struct saved;
}  // namespace arg

/// Whether a backend's kernels take activations of T. Those that take bf16 say so by a member has_bf16.
template <class Backend, class T>
inline constexpr bool takes_activations = true;
template <class Backend>
inline constexpr bool takes_activations<Backend, bf16> = requires {
    requires Backend::has_bf16;
};

/// Fails to compile with the argument and both shapes in its name.
template <class Argument, class Want, class Got>
struct check_shape {
    static_assert(std::is_same_v<Want, Got>, "daf: this argument must have shape Want, but has shape Got");
};

/// Fails to compile with the argument and both memory spaces in its name.
template <class Argument, class Want, class Got>
struct check_space {
    static_assert(
        std::is_same_v<Want, Got>,
        "daf: this argument lies in memory Got, but the context works on memory Want; use ctx.upload or "
        "ctx.download");
};

/// Fails to compile with the argument and both element types in its name.
template <class Argument, class Want, class Got>
struct check_element {
    static_assert(
        std::is_same_v<Want, Got>,
        "daf: this argument must have elements Want, but has Got: activations have those of x, losses and "
        "centres Wide of them (float for bf16)");
};

/// Fails to compile with the argument and both structs in its name.
template <class Argument, class Want, class Got>
struct check_struct {
    static_assert(
        std::is_same_v<Want, Got>,
        "daf: this argument must be Want, as bind or bind_gradients (of Wide of x's elements: float "
        "for bf16) or bind_saved (of x's elements) gives it for this operator, but is Got");
};

/// Fails to compile with the backend and the element type of x in its name.
template <class Backend, class T>
struct check_activations {
    static_assert(
        takes_activations<Backend, T>,
        "daf: activations of bf16 are for daf::Gpu (<daf/daf.cuh>): take float or double on this Backend");
};

/// Fails to compile with the name of the header to include.
template <class Folder, class Header, class Op>
struct include_kernel {
    static_assert(
        sizeof(Folder*) == 0,
        "daf: this backend's kernel of Op is missing: include <daf/Folder/Header.hpp>, named here, or "
        "<daf/daf.hpp> (for folder::gpu: <daf/daf.cuh>)");
};

namespace detail {

template <class X>
inline constexpr bool is_batch_in_memory = false;
template <class S, class T, class Space>
inline constexpr bool is_batch_in_memory<Batch<S, T, Space>> = true;
/// A batch, but none of these kinds. Overloads for it name what differs by check_argument, which then always
/// finds something: g++ shows no shapes where a conversion fails.
template <class X, class... Kinds>
concept Misfit = is_batch_in_memory<X> &&(!std::is_convertible_v<const X&, Kinds> && ...);

template <class Op, class Backend>
inline constexpr bool has_kernel = requires {
    sizeof(Kernel<Op, Backend>);
};

template <class Want, class T, class Space, class B>
inline constexpr bool argument_fits =
    std::is_same_v<Want, typename B::Shape>&& std::is_same_v<Space, typename B::MemorySpace>&&
        std::is_same_v<T, std::remove_const_t<typename B::Element>>;

/// Stops the compiler with the first thing that is wrong with an argument, in one message.
template <class Argument, class Want, class T, class Space, class B>
constexpr void check_argument() {
    using Got = typename B::Shape;
    using Element = std::remove_const_t<typename B::Element>;
    if constexpr (!std::is_same_v<Want, Got>) {
        static_cast<void>(sizeof(check_shape<Argument, Want, Got>));
    } else if constexpr (!std::is_same_v<Space, typename B::MemorySpace>) {
        static_cast<void>(sizeof(check_space<Argument, Space, typename B::MemorySpace>));
    } else if constexpr (!std::is_same_v<T, Element>) {
        static_cast<void>(sizeof(check_element<Argument, T, Element>));
    }
}

/// The body of an overload for a Misfit as x: names what differs from the kind that lies where X does, or
/// from the last.
template <class Returns, class X, class Kind, class... Others>
constexpr Returns misfit() {
    if constexpr (sizeof...(Others) == 0 ||
                  std::is_same_v<typename X::MemorySpace, typename Kind::MemorySpace>) {
        check_argument<arg::x, typename Kind::Shape, std::remove_const_t<typename Kind::Element>,
                       typename Kind::MemorySpace, X>();
        return Returns();
    } else {
        return misfit<Returns, X, Others...>();
    }
}

/// The parameters, or where they are only read, a read-only look at them.
template <class Given, class Want, class ReadOnly, bool Writes>
inline constexpr bool parameters_fit = std::is_same_v<Given, Want> ||
                                       (!Writes && std::is_same_v<Given, ReadOnly>);

template <class Argument, class Want, bool Fits, class Got>
constexpr void check_bound() {
    if constexpr (!Fits) static_cast<void>(sizeof(check_struct<Argument, Want, Got>));
}

/// Whether there is a kernel, and one for activations of T.
template <class Op, class Backend, class T>
inline constexpr bool kernel_takes = has_kernel<Op, Backend> ? takes_activations<Backend, T> : false;

template <class Op, class Backend, class Header = typename Op::Header>
constexpr void check_kernel() {
    if constexpr (!has_kernel<Op, Backend>) {
        static_cast<void>(sizeof(include_kernel<typename Backend::Folder, Header, Op>));
    }
}

/// A batch as a call holds it where it is not deferred; empty where it is.
template <class Want, class B>
constexpr Want in_memory(const B& batch) {
    if constexpr (is_deferred<B>) {
        return {};
    } else {
        return batch;
    }
}
/// x as a call holds it: as it is where it is deferred and read.
template <class Op, class T, class Space, bool Reads, class X>
using InputOf = std::conditional_t<Reads && is_deferred<X>, X, Batch<typename Op::Input, const T, Space>>;

template <class Call, class X>
constexpr auto input_as(const X& x) {
    using Want = decltype(Call::x);
    if constexpr (std::is_same_v<Want, X>) {
        return x;
    } else {
        return in_memory<Want>(x);
    }
}

/// dy as a call holds it: in memory, or deferred.
template <class Op, class T, class Space, class DY>
using SlopesOf = std::conditional_t<is_deferred_gradient<DY>, DY,
                                    Batch<typename Op::Output, const OutputElement<Op, T>, Space>>;

/// Whether a deferred x or dy meets a kernel that reads it, and a deferred y one that can make it again.
template <class Op, class Backend, Mode M, class X>
inline constexpr bool x_fits = !is_deferred<X> || (M == Mode::train && reads_deferred<Op, Backend>);
template <class Op, class Backend, Mode M, class T, class Y>
inline constexpr bool y_fits =
    !is_deferred<Y> || (M == Mode::train && output_can_be_deferred<Op, Backend, T>);
template <class Op, class Backend, class DY>
inline constexpr bool dy_fits = !is_deferred_gradient<DY> || reads_deferred_gradient<Op, Backend>;

/// Stops the compiler where one does not.
template <class Op, class Backend, Mode M, class T, class X, class Y>
constexpr void check_deferred() {
    static_assert(x_fits<Op, Backend, M, X>,
                  "daf: x is deferred, but this kernel reads x in memory: write_out it first");
    static_assert(
        y_fits<Op, Backend, M, T, Y>,
        "daf: y is deferred, but this kernel cannot make its output from what it saved: give y memory");
}
template <class Op, class Backend, class DY>
constexpr void check_deferred_gradient() {
    static_assert(
        dy_fits<Op, Backend, DY>,
        "daf: dy is deferred, but this kernel reads dy in memory: run the backward pass that makes it");
}

/// Parameters as a kernel's call wants them: the caller's, or a read-only look at them.
template <class Want, class Given>
constexpr Want parameters_as(const Given& given) {
    if constexpr (std::is_same_v<Want, Given>) {
        return given;
    } else {
        Want constant{};
        for_each_pair(constant, given, [](const auto&, auto& to, const auto& from) { to = from; });
        return constant;
    }
}

}  // namespace detail

/// Scratch that one call asks of the context: any of forward or backward, or with eval forward<eval> alone.
template <Operator Op, class T, Mode M = Mode::train, class Backend>
Index scratch_bytes(const Backend& ctx, Index count) {
    if constexpr (M == Mode::eval &&
                  requires { Kernel<Op, Backend>::template eval_scratch_bytes<T>(ctx, count); }) {
        return Kernel<Op, Backend>::template eval_scratch_bytes<T>(ctx, count);
    } else if constexpr (requires { Kernel<Op, Backend>::template scratch_bytes<T>(ctx, count); }) {
        return Kernel<Op, Backend>::template scratch_bytes<T>(ctx, count);
    } else {
        static_assert(
            !requires(Backend & writable) {
                Kernel<Op, Backend>::template scratch_bytes<T>(writable, count);
            },
            "daf: scratch_bytes of a kernel takes its context as const Backend&, or it is never called");
        return 0;
    }
}

/// y = op(x).
///   x, y      batches of Op::Input and Op::Output, equally many images; they may not overlap. y has x's
///             elements T, a loss's y Wide<T>. In training either may be Deferred where the kernel allows it
///             (core/deferred.hpp)
///   params    of Op and Wide<T> (bind<Op>), or Nothing; in training a stateful operator updates its state in
///             them
///   saved     of Op and T (bind_saved<Op, T>), or Nothing; written in training, for backward. In eval always
///             Nothing
///   side      labels or a Draw, for operators that read them
/// Throws ArgumentError for an empty batch, one of more than most_images, a missing buffer, unequal counts, a
/// y that overlaps x, a label outside the classes, a training batch of fewer than images_to_train<Op>, a
/// figure of op that its check() refuses; nothing has changed then. (Labels in a GPU's memory are not looked
/// at: one outside the classes makes its loss NaN.) The bits of the result do not depend on the number of
/// threads.
template <Mode M, class Backend, Operator Op, class X, class Y, class Params = Nothing, class Saved = Nothing>
void forward(Backend& ctx, Op op, X x, Y y, const Params& params = {}, const Saved& saved = {},
             const SideInput<typename Backend::Space>& side = {}) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename X::Element>;
    using Out = OutputElement<Op, T>;
    detail::check_kernel<Op, Backend>();
    static_cast<void>(sizeof(check_activations<Backend, T>));
    if constexpr (detail::kernel_takes<Op, Backend, T>) {
        detail::check_argument<arg::x, typename Op::Input, T, Space, X>();
        detail::check_argument<arg::y, typename Op::Output, Out, Space, Y>();
        detail::check_deferred<Op, Backend, M, T, X, Y>();
        using Bound = ParametersOf<Op, Wide<T>, Space>;
        using Kept = SavedOf<Op, T, Space>;
        constexpr bool params_fit =
            detail::parameters_fit<Params, Bound, ParametersOf<Op, const Wide<T>, Space>, M == Mode::train>;
        using SavedHere = std::conditional_t<M == Mode::train, Kept, Nothing>;
        constexpr bool saved_fits = std::is_same_v<Saved, SavedHere>;
        detail::check_bound<arg::params, Bound, params_fit, Params>();
        static_assert(M == Mode::train || saved_fits,
                      "daf: eval saves nothing: give Nothing{} for saved, and labels after it");
        if constexpr (M == Mode::train) detail::check_bound<arg::saved, Kept, saved_fits, Saved>();
        if constexpr (params_fit && saved_fits && detail::argument_fits<typename Op::Input, T, Space, X> &&
                      detail::argument_fits<typename Op::Output, Out, Space, Y> &&
                      detail::x_fits<Op, Backend, M, X> && detail::y_fits<Op, Backend, M, T, Y>) {
            using Call = ForwardCall<Op, M, T, Space, detail::InputOf<Op, T, Space, true, X>>;
            const char* name = Op::Header::name;
            check_figures(op);
            detail::check_images_fit(name, x.count());
            if constexpr (M == Mode::train) detail::check_training_batch<Op>(x.count());
            detail::check_images(name, "x", x, x.count(), "x");
            detail::check_images(name, "y", y, x.count(), "x");
            detail::check_apart(name, x, y);
            detail::check_parameters(name, detail::tensors_seen(params));
            detail::check_side<Op>(side, x.count(), M == Mode::train);
            Call call{op,
                      detail::input_as<Call>(x),
                      detail::in_memory<decltype(Call::y)>(y),
                      detail::parameters_as<decltype(Call::params)>(params),
                      {},
                      side};
            if constexpr (M == Mode::train) {
                detail::check_saved(name, detail::tensors_seen(saved), x.count());
                call.saved = saved;
            }
            ctx.reserve(scratch_bytes<Op, T, M>(ctx, x.count()));
            Kernel<Op, Backend>::forward(ctx, call);
        }
    }
}

/// dx and dparams from dy, after forward<train> with the same x, y, params, saved and side.
///   x, y      read, and checked at run time, only where Op::backward_reads_x / backward_reads_y
///   dy        in memory, or a DeferredGradient where the kernel reads one (core/deferred.hpp)
///   dx        overwrite(batch), accumulate(batch) or skip
///   dparams   gradients of Op (bind_gradients<Op>), accumulated into; or Nothing
/// Errors and determinism as for forward.
template <class Backend, Operator Op, class X, class Y, class DY, class DX, class Params = Nothing,
          class Gradients = Nothing, class Saved = Nothing>
void backward(Backend& ctx, Op op, X x, Y y, DY dy, DX dx, const Params& params = {},
              const Gradients& dparams = {}, const Saved& saved = {},
              const SideInput<typename Backend::Space>& side = {}) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename X::Element>;
    using Out = OutputElement<Op, T>;
    detail::check_kernel<Op, Backend>();
    static_cast<void>(sizeof(check_activations<Backend, T>));
    if constexpr (detail::kernel_takes<Op, Backend, T>) {
        detail::check_argument<arg::x, typename Op::Input, T, Space, X>();
        detail::check_argument<arg::y, typename Op::Output, Out, Space, Y>();
        detail::check_argument<arg::dy, typename Op::Output, Out, Space, DY>();
        detail::check_deferred<Op, Backend, Mode::train, T, X, Y>();
        detail::check_deferred_gradient<Op, Backend, DY>();
        static_cast<void>(sizeof(check_gradient_output<DX>));
        using Bound = ParametersOf<Op, Wide<T>, Space>;
        using Slopes = GradientsOf<Op, Wide<T>, Space>;
        using Kept = SavedOf<Op, T, Space>;
        constexpr bool params_fit =
            detail::parameters_fit<Params, Bound, ParametersOf<Op, const Wide<T>, Space>, false>;
        detail::check_bound<arg::params, Bound, params_fit, Params>();
        detail::check_bound<arg::dparams, Slopes, std::is_same_v<Gradients, Slopes>, Gradients>();
        detail::check_bound<arg::saved, Kept, std::is_same_v<Saved, Kept>, Saved>();
        if constexpr (params_fit && std::is_same_v<Gradients, Slopes> && std::is_same_v<Saved, Kept> &&
                      detail::argument_fits<typename Op::Input, T, Space, X> &&
                      detail::argument_fits<typename Op::Output, Out, Space, Y> &&
                      detail::argument_fits<typename Op::Output, Out, Space, DY> &&
                      detail::is_gradient_output<DX> && detail::x_fits<Op, Backend, Mode::train, X> &&
                      detail::y_fits<Op, Backend, Mode::train, T, Y> && detail::dy_fits<Op, Backend, DY>) {
            using Call = BackwardCall<Op, T, Space, detail::InputOf<Op, T, Space, Op::backward_reads_x, X>,
                                      detail::SlopesOf<Op, T, Space, DY>>;
            const char* name = Op::Header::name;
            Call call{op,
                      detail::input_as<Call>(x),
                      detail::in_memory<decltype(Call::y)>(y),
                      dy,
                      {},
                      detail::parameters_as<decltype(Call::params)>(params),
                      {},
                      saved,
                      side};
            call.dparams = dparams;
            check_figures(op);
            detail::check_images_fit(name, dy.count());
            detail::check_slopes(name, dy);
            if constexpr (Op::backward_reads_x) detail::check_images(name, "x", x, dy.count(), "dy");
            if constexpr (Op::backward_reads_y) detail::check_images(name, "y", y, dy.count(), "dy");
            if constexpr (!std::is_same_v<DX, Skip>) {
                using B = decltype(dx.batch);
                detail::check_argument<arg::dx, typename Op::Input, T, Space, B>();
                if constexpr (detail::argument_fits<typename Op::Input, T, Space, B>) {
                    if (dx) {
                        detail::check_batch(name, "dx", dx.batch.data(), dx.batch.count(), dy.count(), "dy");
                    }
                    call.dx = dx;
                }
            }
            detail::check_parameters(name, detail::tensors_seen(params));
            detail::check_gradients(name, detail::tensors_seen(dparams));
            detail::check_saved(name, detail::tensors_seen(saved), dy.count());
            detail::check_side<Op>(side, dy.count(), true);
            ctx.reserve(scratch_bytes<Op, T>(ctx, dy.count()));
            Kernel<Op, Backend>::backward(ctx, call);
        }
    }
}

}  // namespace daf
