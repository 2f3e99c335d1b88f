#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct global_pool {
    static constexpr const char* name = "global_pool";
};
}  // namespace header

/// y[c] = mean over all positions of x[.,.,c];  dx[.,.,c] = dy[c] / (H*W).
///   x  (H,W,C)   y  (C)
/// Saved: nothing. Sums run in double. x and y may not overlap. Bits do not depend on threads.
template <MapShape In>
struct GlobalAveragePool {
    using Header = header::global_pool;
    using Input = In;
    using Output = Shape<In::channels>;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;
};

/// y[c] = max over all positions of x[.,.,c].
///   x  (H,W,C)   y  (C)
/// The first of equal maxima in memory order alone takes the gradient. A NaN is its channel's maximum.
/// Saved: the winner's position, row * W + column (C). x and y may not overlap. Bits do not depend on
/// threads.
template <MapShape In>
struct GlobalMaxPool {
    using Header = header::global_pool;
    using Input = In;
    using Output = Shape<In::channels>;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Saved {
        Batch<Output, std::int32_t, Space> winner;

        static constexpr auto fields() { return Tuple{SavedTensor{"winner", &Saved::winner}}; }
    };
};

}  // namespace daf
