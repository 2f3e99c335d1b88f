#pragma once
#include <bit>
#include <daf/gpu/block.hpp>

namespace daf::gpu {

/// Division by a number that is known when a kernel is launched, as a multiplication: a GPU has no
/// instruction for it.
class Divider {
  public:
    /// divisor: 1 to 2^30.
    constexpr explicit Divider(Index divisor)
        : divisor_(static_cast<std::uint32_t>(divisor)),
          shift_(31 + static_cast<std::uint32_t>(std::bit_width(static_cast<std::uint32_t>(divisor) - 1))),
          factor_((std::uint64_t{1} << shift_) / divisor_ + 1) {}

    /// The quotient of n, 0 or more.
    DAF_HOST_DEVICE constexpr Index operator()(Index n) const {
        if (n >> 31 != 0) return n / static_cast<Index>(divisor_);
        return static_cast<Index>((static_cast<std::uint64_t>(n) * factor_) >> shift_);
    }

  private:
    std::uint32_t divisor_, shift_;
    std::uint64_t factor_;  // at most 2^32
};

}  // namespace daf::gpu
