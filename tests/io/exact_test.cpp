// Elements of narrower types as floats and doubles: every number of 16 bits, and files that lie.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <daf/io/safetensors.hpp>

#include "small_safetensors.hpp"
#include "support/scratch_folder.hpp"

namespace {

using daf::Dtype;
using daf_test::bytes_of;
using daf_test::contains;
using daf_test::file_of;
using daf_test::message_of;

/// What IEEE 754 says of 16 bits, in words of <cmath>.
double half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
    const double size = exponent == 0x1F ? (fraction == 0 ? HUGE_VAL : std::nan(""))
                        : exponent == 0  ? std::ldexp(fraction, -24)
                                         : std::ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 == 0 ? size : -size;
}

/// The same number, zeros with their sign; of a NaN any.
bool same(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

/// All numbers of 16 bits as a tensor.
struct AllOf16Bits {
    std::vector<std::uint16_t> bits;
    daf::NamedTensor tensor;

    explicit AllOf16Bits(Dtype dtype) : bits(65536), tensor{"w", dtype, {65536}, {}} {
        for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
        tensor.bytes = std::as_bytes(std::span(bits));
    }
};

std::string file_with(const std::string& dtype, const std::string& shape, std::size_t bytes) {
    return file_of(R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[0,)" +
                       std::to_string(bytes) + "]}}",
                   bytes);
}

}  // namespace

TEST_CASE("exact: every number of F16 and BF16 is the same float and the same double") {
    const AllOf16Bits halves(Dtype::F16), uppers(Dtype::BF16);
    std::vector<float> narrow(65536);
    std::vector<double> wide(65536);
    const auto differing = [&](const auto& want) {
        int count = 0;
        for (std::size_t i = 0; i < 65536; ++i) {
            const double w = want(static_cast<std::uint16_t>(i));
            count += !same(static_cast<double>(narrow[i]), w) || !same(wide[i], w);
        }
        return count;
    };
    daf::copy_exactly(halves.tensor, narrow.data());
    daf::copy_exactly(halves.tensor, wide.data());
    CHECK(differing(half) == 0);
    CHECK(narrow[0x3555] == 0.333251953125F);
    CHECK(narrow[0x0001] == 5.9604644775390625e-8F);
    CHECK(narrow[0xFBFF] == -65504);
    daf::copy_exactly(uppers.tensor, narrow.data());
    daf::copy_exactly(uppers.tensor, wide.data());
    CHECK(differing([](std::uint16_t bits) {
              return static_cast<double>(std::bit_cast<float>(std::uint32_t{bits} << 16));
          }) == 0);
}

TEST_CASE("exact: floats are doubles, doubles are no floats, and integers are neither") {
    const std::vector<float> floats{1.1F, -0.0F, std::numeric_limits<float>::denorm_min(), HUGE_VALF, NAN};
    std::vector<double> doubles(5);
    daf::copy_exactly(daf::named_tensor<float>("w", {5}, floats), doubles.data());
    for (std::size_t i = 0; i < 5; ++i) CHECK(same(doubles[i], static_cast<double>(floats[i])));
    std::vector<float> into(5, 3);
    CHECK_THROWS_AS(daf::copy_exactly(daf::named_tensor<double>("w", {5}, doubles), into.data()),
                    daf::ArgumentError);
    CHECK(into == std::vector<float>(5, 3));
    for (const Dtype dtype : {Dtype::BOOL, Dtype::U8, Dtype::I8, Dtype::F8_E5M2, Dtype::F8_E4M3, Dtype::I16,
                              Dtype::U16, Dtype::I32, Dtype::U32, Dtype::I64, Dtype::U64}) {
        CHECK_FALSE(daf::holds_exactly<float>(dtype));
        CHECK_FALSE(daf::holds_exactly<double>(dtype));
    }
    CHECK(daf::holds_exactly<double>(Dtype::F64));
}

TEST_CASE("exact: the right file with another element type is told from the wrong file") {
    const auto message = [](const std::string& file, const daf::TensorShape& shape) {
        return message_of<daf::MismatchError>(
            [&] { daf::parse_safetensors(bytes_of(file), "f").exact<float>("w", shape); });
    };
    const std::string doubles = file_with("F64", "[2,3]", 48);
    CHECK(message(doubles, {2, 3}) ==
          "f: tensor 'w': expected F32, found F64. Write it as F32 (in PyTorch: tensor.float()), or read it "
          "as F64.");
    CHECK(contains(message(doubles, {3, 2}),
                   "expected F32 of shape [3, 2], found F64 of shape [2, 3]. The "
                   "file belongs to something else"));
    for (const std::string dtype : {"I32", "U32"})
        CHECK(contains(message(file_with(dtype, "[6]", 24), {6}), "expected F32, found " + dtype));
    for (const std::string dtype : {"F8_E4M3", "BOOL", "U8"})
        CHECK(contains(message(file_with(dtype, "[6]", 6), {6}), "expected F32, found " + dtype));
    for (const std::string dtype : {"F16", "BF16"}) {
        CHECK(message(file_with(dtype, "[2,3]", 12), {2, 3}).empty());
        CHECK(contains(message(file_with(dtype, "[2,3]", 12), {6}), "of shape [2, 3]"));
    }
    const std::string sums = file_with("F32", "[6]", 24);
    const daf::Safetensors file = daf::parse_safetensors(bytes_of(sums), "f");
    CHECK(message_of<daf::MismatchError>([&] { file.values<double>("w", {6}); }) ==
          "f: tensor 'w': expected F64, found F32. Write it as F64 (in PyTorch: tensor.double()), or read it "
          "as F32.");
    CHECK(message_of<daf::MismatchError>([&] { file.values<std::int32_t>("w"); }) ==
          "f: tensor 'w': expected I32, found F32. Write it as I32, or read it as F32.");
    CHECK(file.exact<double>("w", {6}).bytes.size() == 24);
}

TEST_CASE("exact: a narrow tensor of too few or too many bytes does not get so far") {
    for (const std::size_t bytes : {0u, 11u, 13u, 24u}) {
        for (const std::string dtype : {"F16", "BF16"}) {
            const std::string file = file_with(dtype, "[2,3]", bytes);
            CHECK_THROWS_AS(daf::parse_safetensors(bytes_of(file), "f"), daf::FormatError);
        }
    }
    const std::string empty = file_with("F16", "[0,3]", 0);
    float into = 3;
    daf::copy_exactly(daf::parse_safetensors(bytes_of(empty), "f").exact<float>("w", {0, 3}), &into);
    CHECK(into == 3);
    // At an odd place in the file.
    const std::string odd = file_of(
        R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F16","shape":[1],"data_offsets":[1,3]}})",
        3);
    daf::copy_exactly(daf::parse_safetensors(bytes_of(odd), "f").exact<float>("w", {1}), &into);
    CHECK(into == static_cast<float>(half(0x0101)));
}
