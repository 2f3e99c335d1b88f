#pragma once
// CRC-64/XZ (ECMA-182 reflected): notices every burst of up to 64 altered bits, and anything else but for one
// case in 2^64.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace daf {

namespace checksum_detail {

/// table[k][b]: what byte b contributes when k more bytes follow it. Eight tables let eight bytes go at once.
using Tables = std::array<std::array<std::uint64_t, 256>, 8>;

constexpr Tables make_tables() {
    constexpr std::uint64_t reflected_polynomial = 0xC96C5795D7870F42u;
    Tables tables{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
        std::uint64_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1u) != 0 ? reflected_polynomial : 0u);
        }
        tables[0][byte] = remainder;
    }
    for (std::size_t k = 1; k < tables.size(); ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint64_t before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFFu];
        }
    }
    return tables;
}

inline constexpr Tables tables = make_tables();

}  // namespace checksum_detail

/// CRC-64/XZ of bytes that arrive in pieces; how they are cut does not matter.
class Checksum {
  public:
    constexpr void add(std::span<const std::byte> bytes) {
        const auto& table = checksum_detail::tables;
        std::size_t i = 0;
        for (; i + 8 <= bytes.size(); i += 8) {
            std::uint64_t next = 0;
            for (std::size_t k = 0; k < 8; ++k) {
                const std::uint64_t byte =
                    (state_ >> (8 * k) & 0xFFu) ^ std::to_integer<std::uint64_t>(bytes[i + k]);
                next ^= table[7 - k][byte];
            }
            state_ = next;
        }
        for (; i < bytes.size(); ++i) {
            state_ = (state_ >> 8) ^ table[0][(state_ & 0xFFu) ^ std::to_integer<std::uint64_t>(bytes[i])];
        }
    }

    constexpr std::uint64_t value() const { return ~state_; }

    /// The value as 16 lower-case hexadecimal digits.
    std::string hex() const {
        std::string digits(16, '0');
        for (std::size_t i = 0; i < digits.size(); ++i) {
            digits[i] = "0123456789abcdef"[value() >> (60 - 4 * i) & 0xFu];
        }
        return digits;
    }

  private:
    std::uint64_t state_ = ~std::uint64_t{0};
};

/// CRC-64/XZ of a buffer; of the nine characters "123456789" it is 0x995DC9BBDF1939FA.
constexpr std::uint64_t checksum(std::span<const std::byte> bytes) {
    Checksum sum;
    sum.add(bytes);
    return sum.value();
}

}  // namespace daf
