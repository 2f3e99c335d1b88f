#pragma once
// Numbers to feed a backend with, and how far two backends' results are apart.
#include <doctest/doctest.h>
#include <algorithm>
#include <cmath>
#include <daf/core/bf16.hpp>
#include <daf/core/random.hpp>
#include <vector>

namespace daf_test {

inline std::vector<float> numbers(daf::Index count, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = static_cast<float>(random.normal());
    return values;
}

/// The same in another type, rounded to bf16 in each: what every backend is given holds the same numbers.
template <class T>
std::vector<T> short_numbers(daf::Index count, std::uint64_t seed) {
    const std::vector<float> values = numbers(count, seed);
    std::vector<T> rounded(values.size());
    std::ranges::transform(values, rounded.begin(), [](float v) { return static_cast<T>(daf::bf16(v)); });
    return rounded;
}

/// The largest difference; huge where a NaN stands on either side.
inline double difference(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!(std::abs(a[i] - b[i]) <= 1e30f)) return 1e30;
        largest = std::max(largest, static_cast<double>(std::abs(a[i] - b[i])));
    }
    return largest;
}

}  // namespace daf_test
