#pragma once
// How many samples of a batch do well: the figures of a training step that are no sums.
#include <algorithm>
#include <daf/core/host_device.hpp>
#include <daf/ops/class_centres.hpp>

namespace daf {

namespace header {
struct counting {
    static constexpr const char* name = "counting";
};
}  // namespace header

/// Names the kernels of the functions below: Kernel<Counting, Backend>.
struct Counting {
    using Header = header::counting;
};

namespace arg {
struct into;
}

/// The index of the largest of `count` values, the first of equals; -1, no class, where any is a NaN or there
/// are none.
template <class T>
Index largest_of(const T* values, Index count) {
    Index largest = count < 1 ? -1 : 0;
    for (Index i = 0; i < count; ++i) {
        if (!(values[i] == values[i])) return -1;
        if (values[largest] < values[i]) largest = i;
    }
    return largest;
}

/// Whether the largest of `count` values, the first of equals, stands at `place`. Not where any is a NaN.
template <class T>
DAF_HOST_DEVICE constexpr bool is_largest(const T* values, Index count, Index place) {
    if (place < 0 || place >= count) return false;
    for (Index i = 0; i < count; ++i) {
        if (!(i < place ? values[i] < values[place] : values[i] <= values[place])) return false;
    }
    return true;
}

namespace detail {

/// What all three check at run time: a batch that is there, and room for the count.
template <class X, class Into>
void check_counting(const X& x, const Into& into) {
    const char* name = header::counting::name;
    if (x.count() < 1) throw_argument(name, "the batch is empty: expected at least one sample");
    check_memory(name, "x", x.data());
    if (!into) throw_argument(name, "into is null: give it memory");
}

}  // namespace detail

/// into = how many of the losses y (N x 1) are above zero.
/// Throws ArgumentError, as the two below, for an empty batch or a missing buffer. Bits do not depend on
/// threads.
template <class Backend, class Y, class Into>
void count_positive(Backend& ctx, Y y, Into into) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename Y::Element>;
    detail::check_kernel<Counting, Backend>();
    detail::check_argument<arg::y, Shape<1>, T, Space, Y>();
    detail::check_argument<arg::into, Shape<1>, Index, Space, Into>();
    if constexpr (detail::has_kernel<Counting, Backend> && detail::argument_fits<Shape<1>, T, Space, Y> &&
                  detail::argument_fits<Shape<1>, Index, Space, Into>) {
        detail::check_counting(y, into);
        Kernel<Counting, Backend>::positive(ctx, Batch<Shape<1>, const T, Space>(y), into);
    }
}

/// into = how many samples' label is where the largest of their scores x (N x K) stands, the first of equals.
/// A sample with a NaN is none.
template <class Backend, class X, class Into>
void count_largest(Backend& ctx, X x, Labels<typename Backend::Space> labels, Into into) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename X::Element>;
    detail::check_kernel<Counting, Backend>();
    detail::check_argument<arg::x, typename X::Shape, T, Space, X>();
    detail::check_argument<arg::into, Shape<1>, Index, Space, Into>();
    if constexpr (detail::has_kernel<Counting, Backend> &&
                  detail::argument_fits<typename X::Shape, T, Space, X> &&
                  detail::argument_fits<Shape<1>, Index, Space, Into>) {
        detail::check_counting(x, into);
        detail::check_batch(header::counting::name, "labels", labels.data(), labels.count(), x.count());
        Kernel<Counting, Backend>::largest(ctx, Batch<typename X::Shape, const T, Space>(x), labels, into);
    }
}

/// Scratch that count_nearest asks of the context.
template <class Backend>
Index nearest_scratch_bytes(const Backend&, Index count) {
    if constexpr (requires { Kernel<Counting, Backend>::nearest_scratch_bytes(count); }) {
        return Kernel<Counting, Backend>::nearest_scratch_bytes(count);
    } else {
        return 0;
    }
}

/// into = how many embeddings x (N x D) are nearer to their label's centre than to any other (K,D, of
/// Wide<T>), the first of equals. A sample with a NaN is none. Distances are summed
/// in double over differences.
template <class Backend, class X, class Centres, class Into>
void count_nearest(Backend& ctx, X x, Centres centres, Labels<typename Backend::Space> labels, Into into) {
    using Space = typename Backend::Space;
    using T = std::remove_const_t<typename X::Element>;
    constexpr Index classes = Centres::Shape::extents[0];
    using Want = Shape<classes, X::Shape::size>;
    detail::check_kernel<Counting, Backend>();
    detail::check_argument<arg::x, typename X::Shape, T, Space, X>();
    detail::check_argument<arg::params, Want, Wide<T>, Space, Centres>();
    detail::check_argument<arg::into, Shape<1>, Index, Space, Into>();
    if constexpr (detail::has_kernel<Counting, Backend> &&
                  detail::argument_fits<typename X::Shape, T, Space, X> &&
                  detail::argument_fits<Want, Wide<T>, Space, Centres> &&
                  detail::argument_fits<Shape<1>, Index, Space, Into>) {
        detail::check_counting(x, into);
        if (!centres) detail::throw_argument(header::counting::name, "the centres are null: bind them");
        detail::check_batch(header::counting::name, "labels", labels.data(), labels.count(), x.count());
        ctx.reserve(nearest_scratch_bytes(ctx, x.count()));
        Kernel<Counting, Backend>::nearest(ctx, Batch<typename X::Shape, const T, Space>(x),
                                           View<Want, const Wide<T>, Space>(centres), labels, into);
    }
}

namespace detail {

/// The kernels of a backend in host memory: a few numbers a sample, not worth a second thread.
template <class Backend>
struct CountingOnHost {
    template <class T>
    static void positive(Backend&, Batch<Shape<1>, const T> y, View<Shape<1>, Index> into) {
        into[0] = std::count_if(y.data(), y.data() + y.count(), [](T loss) { return loss > T(0); });
    }

    template <class S, class T>
    static void largest(Backend&, Batch<S, const T> x, Labels<> labels, View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) into[0] += is_largest(x[i].data(), S::size, labels[i][0]);
    }

    template <class S, Index K, Index D, class T>
    static void nearest(Backend&, Batch<S, const T> x, View<Shape<K, D>, const T> centres, Labels<> labels,
                        View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) {
            into[0] += is_largest(closeness(x[i].data(), centres).data(), K, labels[i][0]);
        }
    }
};

}  // namespace detail

}  // namespace daf
