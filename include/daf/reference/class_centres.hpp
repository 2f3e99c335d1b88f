#pragma once
// What the Reference kernels of the losses with centres share.
#include <daf/ops/class_centres.hpp>
#include <daf/reference/context.hpp>

namespace daf::reference {

/// |a - b|^2 / 2   [Eq 6, 7]
template <class V, class W>
double half_squared_distance(V a, W b) {
    double sum = 0;
    for (Index d = 0; d < V::size(); ++d) {
        const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
        sum += difference * difference;
    }
    return sum / 2;
}

/// Row j of a (K,D) table.
template <Index K, Index D, class T, class Space>
View<Shape<D>, T, Space> row(View<Shape<K, D>, T, Space> table, Index j) {
    return View<Shape<D>, T, Space>(table.data() + j * D);
}

/// (sum over the count members of e - centre) / (1 + count): either half of Eq 12.
inline double mean_step(double sum, double count, double centre) {
    return (sum - count * centre) / (1 + count);
}

}  // namespace daf::reference
