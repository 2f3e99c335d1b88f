#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct relu {
    static constexpr const char* name = "relu";
};
}  // namespace header

/// y = max(x, 0), element by element; dx = dy where y > 0, else 0 (at x = 0 the gradient is 0, as PyTorch's).
///   x, y  any shape
/// Saved: nothing; backward reads y. x and y may not overlap. Bits do not depend on threads.
template <AnyShape S>
struct Relu {
    using Header = header::relu;
    using Input = S;
    using Output = S;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = true;
};

}  // namespace daf
