#pragma once
#include <daf/ops/counting.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<Counting, Reference> {
    template <class T>
    static void positive(Reference&, Batch<Shape<1>, const T> y, View<Shape<1>, Index> into) {
        into[0] = std::count_if(y.data(), y.data() + y.count(), [](T loss) { return loss > T(0); });
    }

    template <class S, class T>
    static void largest(Reference&, Batch<S, const T> x, Labels<> labels, View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) into[0] += largest_of(x[i].data(), S::size) == labels[i][0];
    }

    template <class S, Index K, Index D, class T>
    static void nearest(Reference&, Batch<S, const T> x, View<Shape<K, D>, const T> centres, Labels<> labels,
                        View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) {
            into[0] += largest_of(closeness(x[i].data(), centres).data(), K) == labels[i][0];
        }
    }
};

}  // namespace daf
