#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/counting.hpp>

namespace daf {

/// A few numbers a sample: not worth a second thread.
template <>
struct Kernel<Counting, Cpu> {
    template <class T>
    static void positive(Cpu&, Batch<Shape<1>, const T> y, View<Shape<1>, Index> into) {
        into[0] = std::count_if(y.data(), y.data() + y.count(), [](T loss) { return loss > T(0); });
    }

    template <class S, class T>
    static void largest(Cpu&, Batch<S, const T> x, Labels<> labels, View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) into[0] += largest_of(x[i].data(), S::size) == labels[i][0];
    }

    template <class S, Index K, Index D, class T>
    static void nearest(Cpu&, Batch<S, const T> x, View<Shape<K, D>, const T> centres, Labels<> labels,
                        View<Shape<1>, Index> into) {
        into[0] = 0;
        for (Index i = 0; i < x.count(); ++i) {
            into[0] += largest_of(closeness(x[i].data(), centres).data(), K) == labels[i][0];
        }
    }
};

}  // namespace daf
