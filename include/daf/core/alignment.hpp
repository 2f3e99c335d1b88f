#pragma once
// Where pieces of memory start.
#include <daf/core/shape.hpp>

namespace daf {

/// Every saved tensor and every piece of scratch starts on a cache line.
inline constexpr Index alignment = 64;
constexpr Index align_up(Index bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace daf
