#pragma once
// What the losses with one centre per class share on a GPU.
#include <daf/gpu/grid.hpp>
#include <daf/ops/class_centres.hpp>

namespace daf::gpu {

/// |a - b|^2 / 2, worked out by a warp; every lane learns it.
template <BlockContext B, class T>
DAF_HOST_DEVICE double half_squared_distance(const B& block, const T* a, const Wide<T>* b, Index features) {
    double sum = 0;
    for (Index d = lane_of(block); d < features; d += warp_size) {
        const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
        sum += difference * difference;
    }
    return warp_sum(block, sum) / 2;
}

}  // namespace daf::gpu
