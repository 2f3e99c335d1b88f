#pragma once
// Channels in blocks whose running values fit on the stack, in the nearest cache: what the pools work through.
#include <algorithm>
#include <cstdint>
#include <daf/core/shape.hpp>
#include <type_traits>

namespace daf::cpu {

inline constexpr Index channel_block = 64;

/// body(first, width) for blocks of at most channel_block channels.
template <class Body>
void for_each_channel_block(Index channels, const Body& body) {
    for (Index first = 0; first < channels; first += channel_block) {
        body(first, std::min(channel_block, channels - first));
    }
}

/// The largest value that each channel of a block has met so far, and where. The first of equals stays; a NaN wins.
template <class T>
struct Largest {
    /// As wide as T, so that values and places fill the same SIMD lanes.
    using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

    T value[channel_block];
    Place place[channel_block];

    void start(const T* x, Index width) {
        std::copy_n(x, width, value);
        std::fill_n(place, width, Place(0));
    }
    void meet(const T* x, Index at, Index width) {
        const auto here = static_cast<Place>(at);
        for (Index c = 0; c < width; ++c) {
            const bool wins = (x[c] > value[c]) | (x[c] != x[c]);  // no short cut: it would be a branch
            place[c] = wins ? here : place[c];
            value[c] = wins ? x[c] : value[c];
        }
    }
};

}  // namespace daf::cpu
