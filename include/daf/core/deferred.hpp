#pragma once
// An output that is never stored. Some operators save what their output follows from at once: ConvBnRelu
// keeps z, and y = relu(normalised z). Where the next operator can make y as it reads it, y need not exist.
//
// Kernels say so, and nothing else decides it:
//   Kernel<Op, Backend>::OutputRows<T>      its output may be deferred: OutputRows<T>(params, saved) makes it
//                                           after forward<train>, to the bits that y would hold. Called with
//                                           (n, row, to) it writes row `row` of image n; on a GPU a kernel
//                                           reads its source() (gpu/map_source.hpp), and write_all(ctx, y)
//                                           writes it
//   Kernel<Reader, Backend>::reads_rows     true: the x of its training calls may be Deferred
// forward and backward (core/entry.hpp) take a Deferred as the y of the one and the x of the other.
//
// So with gradients: a pool's dx is its dy and zeros. Where the operator before it can read that from what
// the pool saved,
//   Kernel<Op, Backend>::InputSlopes<T>     its dx may be deferred: InputSlopes<T>(dy, saved) makes it. On a
//                                           processor it is called as cpu/map_rows.hpp says, on a GPU a
//                                           kernel reads its source()
//   Kernel<Before, Backend>::reads_slopes   true: the dy of its backward calls may be a DeferredGradient
// a network does not run the pool's backward pass, and there is no such dx.
#include <daf/core/slab.hpp>

namespace daf {

template <class Op, class Backend>
struct Kernel;  // core/entry.hpp

/// A batch of Op's output that is made where it is read: from Op's parameters, which must stay as they were
/// in its forward pass, and from what it saved there.
template <Operator Op, class T, class Space = Host>
struct Deferred {
    using Operator = Op;
    using Shape = typename Op::Output;
    using Element = const T;
    using MemorySpace = Space;

    ParametersOf<Op, const Wide<T>, Space> params;
    SavedOf<Op, T, Space> saved;
    Index images = 0;

    constexpr Index count() const { return images; }
};

template <class B>
inline constexpr bool is_deferred = false;
template <class Op, class T, class Space>
inline constexpr bool is_deferred<Deferred<Op, T, Space>> = true;

/// A batch of Op's dx that is made where it is read: from Op's dy, and from what it saved in its forward
/// pass.
template <Operator Op, class T, class Space = Host>
struct DeferredGradient {
    using Operator = Op;
    using Shape = typename Op::Input;
    using Element = const T;
    using MemorySpace = Space;

    Batch<typename Op::Output, const T, Space> dy;
    SavedOf<Op, T, Space> saved;

    constexpr Index count() const { return dy.count(); }
};

template <class B>
inline constexpr bool is_deferred_gradient = false;
template <class Op, class T, class Space>
inline constexpr bool is_deferred_gradient<DeferredGradient<Op, T, Space>> = true;

/// Whether the kernel's dx need not be made: it has no other gradients, and who reads dx makes it from what
/// it saved.
template <class Op, class Backend, class T>
inline constexpr bool gradient_can_be_deferred = gradient_count<Op> == 0 && requires {
    sizeof(typename Kernel<Op, Backend>::template InputSlopes<T>);
};
/// Whether the kernel's dy may be a DeferredGradient.
template <class Op, class Backend>
inline constexpr bool reads_deferred_gradient = requires {
    requires Kernel<Op, Backend>::reads_slopes;
};

/// Whether the kernel can make its output anew from what it saved.
template <class Op, class Backend, class T>
inline constexpr bool output_can_be_deferred = !Op::backward_reads_y && requires {
    sizeof(typename Kernel<Op, Backend>::template OutputRows<T>);  // g++ 12 denies it without sizeof
};
/// Whether the kernel's x may be Deferred.
template <class Op, class Backend>
inline constexpr bool reads_deferred = requires {
    requires Kernel<Op, Backend>::reads_rows;
};

/// y = the output, written after all.
template <class Backend, Operator Op, class T, class Space>
void write_out(Backend& ctx, const Deferred<Op, T, Space>& output, Batch<typename Op::Output, T, Space> y) {
    const typename Kernel<Op, Backend>::template OutputRows<T> rows(output.params, output.saved);
    rows.write_all(ctx, y);
}

}  // namespace daf
