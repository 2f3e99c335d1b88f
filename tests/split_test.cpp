#include <daf/cpu/conv2d.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/convolution_passes.hpp"

using daf::Convolution;
using daf::cpu::SplitTiling;
using daf_test::check_errors;
using daf_test::check_same_bits;

namespace {

const daf::cpu::ConvolutionChoice by_split{Convolution::split};
/// A build for matrix tiles has no other way, and not every system grants them.
const bool no_tiles = daf::cpu::needs_matrix_tiles && !daf::cpu::matrix_tiles_granted();

}  // namespace

TEST_CASE("a float is the sum of two bf16, but for 2^-17 of it") {
    for (const float value : {1.0F, -3.14159265F, 1e-20F, 6.02e23F, 0.1F, 65535.996F}) {
        daf::bf16 high, low;
        daf::cpu::split(&value, 1, &high, &low);
        CHECK(std::abs(value - (float{high} + float{low})) <= std::abs(value) * 0x1p-17F);
    }
    // Sixteen at a time, to the same bits.
    float values[16];
    daf::bf16 high[16], low[16], single_high, single_low;
    for (int i = 0; i < 16; ++i)
        values[i] = std::sin(static_cast<float>(i * i)) * std::pow(10.0F, static_cast<float>(i - 8));
    daf::cpu::split(values, 16, high, low);
    for (int i = 0; i < 16; ++i) {
        daf::cpu::split(values + i, 1, &single_high, &single_low);
        CHECK(high[i].bits() == single_high.bits());
        CHECK(low[i].bits() == single_low.bits());
    }
}

TEST_CASE("a NaN is not lost when a float is split") {
    const auto nan = std::bit_cast<float>(0x7fffffffU);
    daf::bf16 high, low;
    daf::cpu::split(&nan, 1, &high, &low);
    CHECK(std::isnan(float{high}));
}

TEST_CASE("the product of split floats stays close to double on maps of any shape" *
          doctest::skip(no_tiles)) {
    check_errors({5, 7, 16, 16, 3, 1}, 2, {by_split});  // steps that run on into the next pixel
    check_errors({8, 8, 16, 32, 3, 1}, 2, {by_split});
    check_errors({8, 8, 32, 16, 3, 1}, 2, {by_split});
    check_errors({9, 5, 20, 40, 3, 1}, 3, {by_split});    // channels that fill no tile
    check_errors({12, 12, 48, 48, 3, 1}, 3, {by_split});  // an odd number of panels
    check_errors({7, 7, 8, 8, 3, 1}, 3, {by_split});
    check_errors({2, 3, 1, 5, 3, 1}, 1, {by_split});
    check_errors({1, 1, 32, 32, 3, 1}, 40, {by_split});
}

TEST_CASE("small maps of many images have an image a lane, and the last images may be missing" *
          doctest::skip(no_tiles)) {
    const daf::ConvolutionSize size{6, 6, 64, 32, 3, 1};
    CHECK(SplitTiling::of(size, 40, 1).across);
    CHECK_FALSE(SplitTiling::of(size, 5, 1).across);
    check_errors(size, 40, {by_split});
    check_errors({3, 3, 64, 64, 3, 1}, 33, {by_split});
}

TEST_CASE("a batch of several units: the sums of dweight go on from one to the next" *
          doctest::skip(no_tiles)) {
    const daf::ConvolutionSize size{24, 24, 32, 32, 3, 1};
    CHECK(SplitTiling::of(size, 30, 32).units() > 2);
    check_errors(size, 30, {by_split});
}

TEST_CASE("the product of split floats gives the same bits on any number of threads" *
          doctest::skip(no_tiles)) {
    check_same_bits({24, 24, 32, 48, 3, 1}, 60, by_split);  // units spread over the threads
    check_same_bits({12, 12, 64, 64, 3, 1}, 2, by_split);   // units that all share
    check_same_bits({3, 3, 64, 64, 3, 1}, 70, by_split);
}

TEST_CASE("a convolution by split floats keeps every promise, bias and statistics included" *
          doctest::skip(no_tiles)) {
    daf_test::Promise promise;
    promise.convolution = Convolution::split;
    promise.float_tolerance = 1e-4;
    daf_test::conform<daf::Conv2d<daf::Shape<5, 7, 16>, 20, 3, 1, daf::Bias::per_channel>>({}, promise);
    daf_test::conform<daf::ConvBnRelu<daf::Shape<3, 3, 4>, 17>>({}, promise);
}

TEST_CASE("the product of split floats stays close to double on the presets' layers" *
          doctest::skip(no_tiles)) {
    daf_test::check_errors_on_presets({by_split});
}
