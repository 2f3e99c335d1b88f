#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/reduction.hpp>

namespace daf {

/// One number a sample: not worth a second thread.
template <>
struct Kernel<BatchReduction, Cpu> {
    template <class T>
    static void reduce(Cpu&, Reduction reduction, Batch<Shape<1>, const T> y, View<Shape<1>, double> total) {
        double sum = 0;
        for (Index i = 0; i < y.count(); ++i) sum += static_cast<double>(y[i][0]);
        total[0] = reduction == Reduction::mean ? sum / static_cast<double>(y.count()) : sum;
    }

    template <class T>
    static void fill(Cpu&, Batch<Shape<1>, T> dy, T weight) {
        std::fill_n(dy.data(), dy.count(), weight);
    }
};

}  // namespace daf
