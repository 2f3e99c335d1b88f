#pragma once
// From the losses of samples to the loss of a batch, and back.
#include <algorithm>
#include <daf/core/entry.hpp>

namespace daf {

/// How the losses of a batch of N become one: their sum, or their sum / N.
enum class Reduction { sum, mean };

namespace header {
struct reduction {
    static constexpr const char* name = "reduction";
};
}  // namespace header

/// Names the kernels of reduce and fill_weights: Kernel<BatchReduction, Backend>.
struct BatchReduction {
    using Header = header::reduction;
};

namespace arg {
struct total;
}

/// total = the sum (or mean) of the losses y (N x 1), added in double: in the batch's order, on a GPU in one
/// that N fixes.
/// Throws ArgumentError for an empty batch or a missing buffer.
template <class Backend, class Y, class Total>
void reduce(Backend& ctx, Reduction reduction, Y y, Total total) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename Y::Element>;
    detail::check_kernel<BatchReduction, Backend>();
    detail::check_argument<arg::y, Shape<1>, T, Space, Y>();
    detail::check_argument<arg::total, Shape<1>, double, Space, Total>();
    if constexpr (detail::has_kernel<BatchReduction, Backend> &&
                  detail::argument_fits<Shape<1>, T, Space, Y> &&
                  detail::argument_fits<Shape<1>, double, Space, Total>) {
        const char* name = header::reduction::name;
        if (y.count() < 1) detail::throw_argument(name, "the batch is empty: expected at least one loss");
        detail::check_memory(name, "y", y.data());
        if (!total) detail::throw_argument(name, "total is null: give it memory");
        Kernel<BatchReduction, Backend>::reduce(ctx, reduction, Batch<Shape<1>, const T, Space>(y), total);
    }
}

/// The same, as a number: on contexts that work in host memory.
template <class Backend, class Y>
double reduce(Backend& ctx, Reduction reduction, Y y) {
    static_assert(
        std::is_same_v<typename Backend::Space, Host>,
        "daf: reduce(ctx, reduction, y) returns a number of host memory: give this context a total to write");
    double total = 0;
    reduce(ctx, reduction, y, View<Shape<1>, double>(&total));
    return total;
}

/// dy (N x 1) = what the reduced loss, times `weight`, has for derivative by each y: weight, or weight / N
/// for a mean. The dy of a loss's backward; `weight` is lambda, say. Throws ArgumentError for an empty batch
/// or a missing buffer.
template <class Backend, class DY>
void fill_weights(Backend& ctx, Reduction reduction, DY dy, double weight = 1) {
    using Space = typename Backend::Space;
    using T = typename DY::Element;
    detail::check_kernel<BatchReduction, Backend>();
    detail::check_argument<arg::dy, Shape<1>, T, Space, DY>();
    if constexpr (detail::has_kernel<BatchReduction, Backend> &&
                  detail::argument_fits<Shape<1>, T, Space, DY>) {
        const char* name = header::reduction::name;
        if (dy.count() < 1) detail::throw_argument(name, "the batch is empty: expected at least one weight");
        detail::check_memory(name, "dy", dy.data());
        if (reduction == Reduction::mean) weight /= static_cast<double>(dy.count());
        Kernel<BatchReduction, Backend>::fill(ctx, dy, static_cast<T>(weight));
    }
}

namespace detail {

/// The kernels of a backend in host memory: one number a sample, not worth a second thread.
template <class Backend>
struct ReductionOnHost {
    template <class T>
    static void reduce(Backend&, Reduction reduction, Batch<Shape<1>, const T> y,
                       View<Shape<1>, double> total) {
        double sum = 0;
        for (Index i = 0; i < y.count(); ++i) sum += static_cast<double>(y[i][0]);
        total[0] = reduction == Reduction::mean ? sum / static_cast<double>(y.count()) : sum;
    }

    template <class T>
    static void fill(Backend&, Batch<Shape<1>, T> dy, T weight) {
        std::fill_n(dy.data(), dy.count(), weight);
    }
};

}  // namespace detail

}  // namespace daf
