#pragma once
// Tensors of a narrower element type as floats or doubles, where not a bit of any number is lost.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <daf/core/view.hpp>
#include <daf/io/safetensors_header.hpp>
#include <span>
#include <string>

namespace daf {

/// The number that 16 bits of IEEE 754 stand for (F16; of a NaN some NaN).
constexpr float float_of_half(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
    const std::uint32_t exponent = std::uint32_t{bits} >> 10 & 0x1F;
    const std::uint32_t fraction = std::uint32_t{bits} & 0x3FF;
    if (exponent == 0) {  // zeros and subnormal numbers
        const float size = static_cast<float>(fraction) * 0x1p-24F;
        return sign == 0 ? size : -size;
    }
    const std::uint32_t wide = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// Whether every number of the element type is one of T's too.
template <Real T>
constexpr bool holds_exactly(Dtype dtype) {
    switch (dtype) {
        case Dtype::F16:
        case Dtype::BF16:
        case Dtype::F32: return true;
        case Dtype::F64: return dtype == dtype_of<T>();
        default: return false;
    }
}

namespace exact_detail {

template <class Stored, class T, class Number>
void copy(std::span<const std::byte> bytes, T* into, const Number& number) {
    const std::size_t count = bytes.size() / sizeof(Stored);
    for (std::size_t i = 0; i < count; ++i) {
        Stored stored;
        std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
        into[i] = static_cast<T>(number(stored));
    }
}

}  // namespace exact_detail

/// Copies a tensor's elements. Throws ArgumentError for a type whose numbers T does not hold (holds_exactly).
template <Real T>
void copy_exactly(const NamedTensor& tensor, T* into) {
    if (!holds_exactly<T>(tensor.dtype)) {
        throw ArgumentError(std::string("copy_exactly: ") + std::string(name_of(dtype_of<T>())) +
                            " does not hold every number of " + std::string(name_of(tensor.dtype)));
    }
    const auto same = [](auto number) { return number; };
    switch (tensor.dtype) {
        case Dtype::F16: exact_detail::copy<std::uint16_t>(tensor.bytes, into, float_of_half); break;
        case Dtype::BF16:
            exact_detail::copy<std::uint16_t>(tensor.bytes, into, [](std::uint16_t bits) {
                return static_cast<float>(bf16::of_bits(bits));
            });
            break;
        case Dtype::F32: exact_detail::copy<float>(tensor.bytes, into, same); break;
        default: exact_detail::copy<T>(tensor.bytes, into, same);
    }
}

}  // namespace daf
