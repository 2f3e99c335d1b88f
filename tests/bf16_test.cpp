#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <daf/core/bf16.hpp>
#include <initializer_list>
#include <limits>

using daf::bf16;

namespace {

std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
float float_of(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// The nearest of the two numbers that enclose a finite value, of equally near ones the even one, by
/// distances in double.
std::uint16_t nearest(float value) {
    const auto below = static_cast<std::uint16_t>(bits_of(value) >> 16);  // toward zero
    const auto above = static_cast<std::uint16_t>(below + 1);
    // What would come behind the largest is as far from it as its neighbour.
    const auto number = [](std::uint16_t bits) {
        return (bits & 0x7FFF) == 0x7F80 ? std::copysign(0x1p128, bits & 0x8000 ? -1.0 : 1.0)
                                         : static_cast<double>(float_of(std::uint32_t{bits} << 16));
    };
    const double to_below = std::abs(static_cast<double>(value) - number(below));
    const double to_above = std::abs(static_cast<double>(value) - number(above));
    if (to_below != to_above) return to_below < to_above ? below : above;
    return below % 2 == 0 ? below : above;
}

static_assert(sizeof(bf16) == 2 && std::is_trivially_copyable_v<bf16> && std::is_trivial_v<bf16>);
static_assert(std::is_same_v<daf::Wide<bf16>, float> && std::is_same_v<daf::Wide<const bf16>, const float> &&
              std::is_same_v<daf::Wide<double>, double>);
static_assert(bf16(1.5).bits() == 0x3FC0 && bf16::of_bits(0x3FC0) == 1.5f);  // also in constant expressions
static_assert(std::is_convertible_v<bf16, float> && !std::is_convertible_v<float, bf16>);

}  // namespace

TEST_CASE("bf16: every pattern is a float's upper half, and comes back from it") {
    for (std::uint32_t pattern = 0; pattern <= 0xFFFF; ++pattern) {
        const bf16 value = bf16::of_bits(static_cast<std::uint16_t>(pattern));
        const float wide = value;
        REQUIRE(bits_of(wide) == pattern << 16);
        if (std::isnan(wide)) {
            REQUIRE(std::isnan(static_cast<float>(bf16(wide))));
        } else {
            REQUIRE(bf16(wide).bits() == pattern);
        }
    }
}

TEST_CASE("bf16: floats go to the nearest number, of two equally near ones to the even one") {
    // Between any two neighbours: just above the lower, just below, at and just above the middle, just below
    // the upper.
    for (std::uint32_t pattern = 0; pattern <= 0xFFFF; ++pattern) {
        for (const std::uint32_t rest : {1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
            const float value = float_of(pattern << 16 | rest);
            INFO("bits ", bits_of(value));
            if (std::isnan(value)) {
                REQUIRE(std::isnan(static_cast<float>(bf16(value))));
            } else {
                REQUIRE(bf16(value).bits() == nearest(value));
            }
        }
    }
    CHECK(bf16(1 + 0x1p-8).bits() == bf16(1).bits());
    CHECK(bf16(1 + 3 * 0x1p-8).bits() == bf16(1 + 4 * 0x1p-8).bits());
}

TEST_CASE("bf16: infinities, what is too large, signed zeros and whole numbers") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    CHECK(bf16(infinity) == infinity);
    CHECK(bf16(-infinity) == -infinity);
    CHECK(bf16(std::numeric_limits<float>::max()) == infinity);
    CHECK(bf16(0x1.FEp127f) == 0x1.FEp127f);  // the largest
    CHECK(std::signbit(static_cast<float>(bf16(-0.0f))));
    for (int i = -256; i <= 256; ++i) REQUIRE(bf16(i) == static_cast<float>(i));
    CHECK(bf16(257) == 256);
    CHECK(bf16(259) == 260);
    CHECK(std::isnan(static_cast<float>(bf16(std::numeric_limits<double>::signaling_NaN()))));
}
