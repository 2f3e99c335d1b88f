#pragma once
// What a kernel is handed: everything checked, in one struct for forward and one for backward.
#include <daf/core/random.hpp>
#include <daf/core/slab.hpp>

namespace daf {

/// How a gradient output is written.
enum class Write { overwrite, accumulate, skip };

/// A gradient output and how it is to be written. Made by overwrite(dx), accumulate(dx); `skip` for none.
template <class B>
struct GradientInto {
    B batch{};
    Write write = Write::skip;
    constexpr explicit operator bool() const { return write != Write::skip; }
    constexpr bool accumulates() const { return write == Write::accumulate; }
};

template <AnyShape S, class T, class Space>
constexpr GradientInto<Batch<S, T, Space>> overwrite(Batch<S, T, Space> dx) {
    return {dx, Write::overwrite};
}
template <AnyShape S, class T, class Space>
constexpr GradientInto<Batch<S, T, Space>> accumulate(Batch<S, T, Space> dx) {
    return {dx, Write::accumulate};
}
/// The gradient by x is not wanted: for a network's first layer.
struct Skip {};
inline constexpr Skip skip{};

namespace detail {
template <class DX>
inline constexpr bool is_gradient_output = std::is_same_v<DX, Skip>;
template <class B>
inline constexpr bool is_gradient_output<GradientInto<B>> = true;
}  // namespace detail

/// Fails to compile with what was given in its name.
template <class Got>
struct check_gradient_output {
    static_assert(detail::is_gradient_output<Got>,
                  "daf: dx must be overwrite(batch), accumulate(batch) or skip, but is Got");
};

/// What of a Draw changes from step to step.
struct DrawPlace {
    std::uint32_t step = 0;
    std::uint32_t first_sample = 0;  // the global position of the batch's first image
};

/// Where dropout draws. Step and first sample stand here, the step in host memory; or, for work that is
/// recorded once and run many times, in a DrawPlace in the backend's memory, which is read when the kernel
/// runs.
struct Draw {
    Seed seed;
    const std::uint32_t* step = nullptr;
    std::uint32_t layer = 0;
    std::uint32_t first_sample = 0;
    const DrawPlace* place = nullptr;  // if given, in place of step and first_sample

    bool given() const { return step != nullptr || place != nullptr; }
    /// Callable only where `place` is readable.
    DrawPlace now() const { return place != nullptr ? *place : DrawPlace{*step, first_sample}; }
    Stream stream() const { return {seed, now().step, layer}; }
};

/// What some operators read beside x and their parameters: labels (losses) or where to draw (dropout).
template <class Space>
struct SideInput {
    Labels<Space> labels{};
    Draw draw{};

    constexpr SideInput() = default;
    constexpr SideInput(Labels<Space> given) : labels(given) {}
    constexpr SideInput(Draw given) : draw(given) {}
    constexpr SideInput(Labels<Space> l, Draw d) : labels(l), draw(d) {}
};

/// forward: x -> y, of T but for a loss; parameters are of Wide<T>. In eval, `saved` is empty and the
/// parameters are read-only. Only kernels that declare it meet an X that is Deferred, or a y that is null for
/// it (core/deferred.hpp).
template <Operator Op, Mode M, class T, class Space, class X = Batch<typename Op::Input, const T, Space>>
struct ForwardCall {
    static constexpr bool training = M == Mode::train;
    Op op;
    X x;
    Batch<typename Op::Output, OutputElement<Op, T>, Space> y;
    ParametersOf<Op, std::conditional_t<training, Wide<T>, const Wide<T>>, Space> params;
    SavedOf<Op, T, Space> saved;
    SideInput<Space> side;

    Index count() const { return x.count(); }
};

/// backward: dy -> dx, dparams.  x and y hold numbers only where Op::backward_reads_x / _y says that they are
/// read. Only kernels that declare it meet an X or DY that is not in memory (core/deferred.hpp).
template <Operator Op, class T, class Space, class X = Batch<typename Op::Input, const T, Space>,
          class DY = Batch<typename Op::Output, const OutputElement<Op, T>, Space>>
struct BackwardCall {
    Op op;
    X x;
    Batch<typename Op::Output, const OutputElement<Op, T>, Space> y;
    DY dy;
    GradientInto<Batch<typename Op::Input, T, Space>> dx;
    ParametersOf<Op, const Wide<T>, Space> params;
    GradientsOf<Op, Wide<T>, Space> dparams;  // accumulated into
    SavedOf<Op, T, Space> saved;
    SideInput<Space> side;

    Index count() const { return dy.count(); }
};

}  // namespace daf
