#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct flatten {
    static constexpr const char* name = "flatten";
};
}  // namespace header

/// y = x, its elements in one row; dx = dy.
///   x  (H,W,C)   y  (H*W*C)
/// The order is ours, channels last: y[(row * W + column) * C + channel]. PyTorch's flatten runs over C, H,
/// W; a Linear on the map itself needs no Flatten, and keeps PyTorch's order of columns in a checkpoint.
/// Saved: nothing. x and y may not overlap. Bits do not depend on threads.
template <AnyShape In>
struct Flatten {
    using Header = header::flatten;
    using Input = In;
    using Output = Shape<In::size>;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;
};

}  // namespace daf
