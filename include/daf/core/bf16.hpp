#pragma once
// Activations in 16 bits, and what is computed and kept in more.
#include <cstdint>
#include <daf/core/host_device.hpp>
#include <type_traits>

// Whether this is code for a GPU that has an instruction for it.
#if defined(__CUDA_ARCH__)
#define DAF_GPU_ROUNDS_TO_BF16 (__CUDA_ARCH__ >= 800)
#else
#define DAF_GPU_ROUNDS_TO_BF16 0
#endif

namespace daf {

/// The upper half of a float: its sign, its exponent and 7 bits of its fraction. It is a way of storing
/// numbers, not of computing with them: it converts to float implicitly and exactly, from float explicitly,
/// rounded to the nearest, of two equally near ones to the one whose last bit is 0. NaNs stay NaNs (a GPU
/// makes one of all, the CPU keeps sign and upper bits), infinities infinite; what is larger than the largest
/// becomes infinite. A double is rounded to float first.
class bf16 {
  public:
    /// Holds anything.
    bf16() = default;
    template <class Number>
    requires std::is_arithmetic_v<Number> DAF_HOST_DEVICE constexpr explicit bf16(Number value)
        : bits_(rounded(static_cast<float>(value))) {}
    DAF_HOST_DEVICE constexpr operator float() const {
        return __builtin_bit_cast(float, std::uint32_t{bits_} << 16);
    }

    DAF_HOST_DEVICE static constexpr bf16 of_bits(std::uint16_t bits) {
        bf16 made{};
        made.bits_ = bits;
        return made;
    }
    DAF_HOST_DEVICE constexpr std::uint16_t bits() const { return bits_; }

  private:
    DAF_HOST_DEVICE static constexpr std::uint16_t rounded(float value) {
#if DAF_GPU_ROUNDS_TO_BF16
        if (!__builtin_is_constant_evaluated()) {
            std::uint16_t bits;
            asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
            return bits;
        }
#endif
        const auto wide = __builtin_bit_cast(std::uint32_t, value);
        constexpr std::uint32_t infinity = 0x7F800000, quiet = 0x400000;
        const bool is_nan = (wide & 0x7FFFFFFF) > infinity;
        const std::uint32_t last_kept = wide >> 16 & 1;
        return static_cast<std::uint16_t>((is_nan ? wide | quiet : wide + 0x7FFF + last_kept) >> 16);
    }

    std::uint16_t bits_;
};

namespace detail {
template <class T>
struct wide {
    using type = T;
};
template <>
struct wide<bf16> {
    using type = float;
};
template <>
struct wide<const bf16> {
    using type = const float;
};
}  // namespace detail

/// What goes with activations of T: the type that is computed in, and that parameters, their gradients,
/// moments, statistics and losses have. float for bf16, T itself for the others.
template <class T>
using Wide = typename detail::wide<T>::type;

}  // namespace daf
