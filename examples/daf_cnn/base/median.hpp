#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

namespace daf_cnn {

/// The one in the middle, or the mean of the two; there must be one at least.
inline double median(std::vector<double> values) {
    const std::size_t half = values.size() / 2;
    std::sort(values.begin(), values.end());
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace daf_cnn
