#pragma once
#include <bit>
#include <daf/gpu/block.hpp>

namespace daf::gpu {

/// Division by a number that is known when a kernel is launched, as a multiplication: a GPU has no
/// instruction for it. There is no branch in it, so that loads on either side may be under way together.
class Divider {
  public:
    /// divisor: 1 to 2^30.
    constexpr explicit Divider(Index divisor)
        : shift_(static_cast<std::uint32_t>(std::bit_width(static_cast<std::uint32_t>(divisor) - 1))),
          factor_(
              static_cast<std::uint64_t>((Twice{1} << (63 + shift_)) / static_cast<std::uint64_t>(divisor)) +
              1) {}

    /// The quotient of n, 0 or more.
    DAF_HOST_DEVICE constexpr Index operator()(Index n) const {
        const Twice product = Twice{static_cast<std::uint64_t>(n) * 2} * factor_;
        return static_cast<Index>(static_cast<std::uint64_t>(product >> 64) >> shift_);
    }
    /// By half the factor, which is as exact for such numbers.
    DAF_HOST_DEVICE constexpr std::int32_t operator()(std::int32_t n) const {
        const std::uint64_t short_factor = (factor_ >> 32) + 1;
        return static_cast<std::int32_t>((static_cast<std::uint32_t>(n) * short_factor) >> 31 >> shift_);
    }

  private:
    __extension__ typedef unsigned __int128 Twice;

    std::uint32_t shift_;
    std::uint64_t factor_;  // 2^(63 + shift_) / divisor, rounded up: more than 2^63
};

}  // namespace daf::gpu
