#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct max_pool {
    static constexpr const char* name = "max_pool";
};
}  // namespace header

/// y[r,c,i] = max over ky,kx < K of x[r*K + ky, c*K + kx, i]: windows side by side. Rows and columns that do
/// not fill a window are left out (PyTorch's default), and get no gradient.
///   x  (H,W,C)   y  (H/K, W/K, C), rounded down
/// The first of equal maxima in memory order (the window's rows, then columns) alone takes the gradient. A
/// NaN in the window is its maximum. Saved: the winner's place in its window, ky*K + kx, one byte for an
/// element of y. x and y may not overlap. Bits do not depend on threads.
template <MapShape In, Index K = 2>
struct MaxPool {
    static_assert(K > 0 && K * K <= 255, "daf: a max pool's window must hold 1 to 255 positions");
    static_assert(In::height >= K && In::width >= K, "daf: a max pool's window must fit into its map");

    using Header = header::max_pool;
    using Input = In;
    using Output = Shape<In::height / K, In::width / K, In::channels>;
    static constexpr Index window = K;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Saved {
        Batch<Output, std::uint8_t, Space> winner;

        static constexpr auto fields() { return Tuple{SavedTensor{"winner", &Saved::winner}}; }
    };
};

}  // namespace daf
