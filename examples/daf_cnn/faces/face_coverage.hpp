#pragma once
// Anti-aliasing by signed distance: how much of a pixel lies inside a shape, for a pixel of side `footprint`
// and a distance that is positive inside. Exact for straight edges, close enough for curved ones.
#include <algorithm>
#include <cmath>

namespace daf_cnn {

inline float unit_clamp(float value) {
    return std::min(std::max(value, 0.0f), 1.0f);
}

inline float mix(float from, float to, float share) {
    return from + (to - from) * share;
}

/// A half-plane: `depth` is how far the pixel's centre lies inside.
inline float cover_edge(float depth, float footprint) {
    return unit_clamp(0.5f + depth / footprint);
}

/// The strip between two edges, right even where it is thinner than a pixel.
inline float cover_between(float depth_a, float depth_b, float footprint) {
    return std::max(0.0f, cover_edge(depth_a, footprint) + cover_edge(depth_b, footprint) - 1.0f);
}

/// A line of the given half width: `distance` is the distance from its middle, of either sign.
inline float cover_line(float distance, float half_width, float footprint) {
    return cover_between(half_width - distance, half_width + distance, footprint);
}

/// The distance from a point to a segment.
inline float segment_distance(float x, float y, float x0, float y0, float x1, float y1) {
    const float dx = x1 - x0, dy = y1 - y0;
    const float along = unit_clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy));
    const float ex = x - x0 - along * dx, ey = y - y0 - along * dy;
    return std::sqrt(ex * ex + ey * ey);
}

}  // namespace daf_cnn
