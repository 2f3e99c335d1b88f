#pragma once
// Numbers for tests that want any: normally distributed, the same for the same seed.
#include <daf/core/random.hpp>
#include <vector>

namespace daf_test {

template <class T>
std::vector<T> noise(daf::Index count, std::uint64_t seed) {
    std::vector<T> values(static_cast<std::size_t>(count));
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    for (T& v : values) v = static_cast<T>(random.normal());
    return values;
}

}  // namespace daf_test
