#pragma once
#include <daf/ops/reduction.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<BatchReduction, Reference> {
    template <class T>
    static void reduce(Reference&, Reduction reduction, Batch<Shape<1>, const T> y,
                       View<Shape<1>, double> total) {
        double sum = 0;
        for (Index i = 0; i < y.count(); ++i) sum += static_cast<double>(y[i][0]);
        total[0] = reduction == Reduction::mean ? sum / static_cast<double>(y.count()) : sum;
    }

    template <class T>
    static void fill(Reference&, Batch<Shape<1>, T> dy, T weight) {
        for (Index i = 0; i < dy.count(); ++i) dy[i][0] = weight;
    }
};

}  // namespace daf
