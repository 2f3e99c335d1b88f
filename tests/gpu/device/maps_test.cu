// Operators that stream maps, and what makes a network's first ones of pictures, on a device.
#include <bit>
#include <cmath>
#include <cstdint>
#include <daf/daf.cuh>
#include <daf/reference/augmentation.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/flatten.hpp>
#include <daf/reference/global_pool.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/spatial_attention.hpp>

#include "../../support/pictures.hpp"
#include "conform_on_device.hpp"

using daf::Arrangement;
using daf::DualAttention;
using daf::Shape;
using daf_test::conform_on_device;
using daf_test::one_batch;

TEST_CASE("relu, dropout and flatten on a device keep every promise") {
    conform_on_device<daf::Relu<Shape<5, 7, 3>>>();
    conform_on_device<daf::Dropout<Shape<5, 7, 3>>>({.rate = 0.3}, one_batch());
    conform_on_device<daf::Dropout<Shape<4, 4, 8>>>({.rate = 0.3}, one_batch());
    conform_on_device<daf::Flatten<Shape<3, 5, 7>>>({}, one_batch());
}

TEST_CASE("batch norm on a device keeps every promise") {
    conform_on_device<daf::BatchNorm<Shape<5, 7, 3>>>({}, one_batch());
    conform_on_device<daf::BatchNorm<Shape<5, 7, 40>>>({}, one_batch());
}

// Of 8 and 16 channels, as of any multiple, every type moves 16 bytes at a time; of odd numbers one element.
TEST_CASE("pools on a device keep every promise") {
    conform_on_device<daf::MaxPool<Shape<5, 7, 17>>>({}, one_batch());
    conform_on_device<daf::MaxPool<Shape<6, 6, 16>>>({}, one_batch());
    conform_on_device<daf::MaxPool<Shape<5, 7, 8>, 3>>({}, one_batch());  // rows that no window covers
    conform_on_device<daf::GlobalAveragePool<Shape<5, 7, 3>>>({}, one_batch());
    conform_on_device<daf::GlobalAveragePool<Shape<5, 7, 16>>>({}, one_batch());
    conform_on_device<daf::GlobalMaxPool<Shape<3, 3, 130>>>({}, one_batch());
    conform_on_device<daf::GlobalMaxPool<Shape<3, 3, 16>>>({}, one_batch());
}

TEST_CASE("attention on a device keeps every promise") {
    conform_on_device<daf::ChannelAttention<Shape<4, 3, 39>, 3>>({}, one_batch());
    conform_on_device<daf::ChannelAttention<Shape<4, 3, 16>, 2>>({}, one_batch());
    conform_on_device<daf::SpatialAttention<Shape<4, 3, 5>>>({}, one_batch());
    conform_on_device<daf::SpatialAttention<Shape<4, 3, 40>>>({}, one_batch());
}

TEST_CASE_TEMPLATE("both stages of attention on a device keep every promise", In, Shape<5, 7, 6>,
                   Shape<5, 7, 8>, Shape<4, 3, 16>) {
    conform_on_device<DualAttention<In, 2, 3, Arrangement::channel_first>>({}, one_batch());
    conform_on_device<DualAttention<In, 2, 3, Arrangement::spatial_first>>({}, one_batch());
    conform_on_device<DualAttention<In, 2, 3, Arrangement::parallel>>({}, one_batch());
}

TEST_CASE("a device rounds to bf16 as the CPU does, in pairs and one by one; NaNs stay NaNs") {
    // Around every number that bf16 has: itself, its middle to the next, and what lies beside them.
    std::vector<float> numbers;
    for (std::uint32_t pattern = 0; pattern <= 0xFFFF; ++pattern) {
        for (const std::uint32_t rest : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu})
            numbers.push_back(std::bit_cast<float>(pattern << 16 | rest));
    }
    const auto count = static_cast<daf::Index>(numbers.size());
    daf::Gpu gpu;
    const auto from = gpu.upload(daf::batch_of<Shape<1>>(std::as_const(numbers)));
    const auto to = gpu.allocate(count * 2);
    for (const daf::Index first : {0, 1}) {  // from aligned addresses, and beside them
        auto* const narrow = to.as<daf::bf16>(0) + first;
        daf::gpu::convert(gpu, count - first, from.data() + first,
                          daf::gpu::Slopes<daf::bf16>{narrow, false});
        std::vector<daf::bf16> got(numbers.size());
        gpu.copy_out(got.data(), to.as<daf::bf16>(0), count);
        for (auto i = static_cast<std::size_t>(first); i < numbers.size(); ++i) {
            INFO("of ", numbers[i]);
            if (std::isnan(numbers[i])) {
                REQUIRE(std::isnan(static_cast<float>(got[i])));
            } else {
                REQUIRE(got[i].bits() == daf::bf16(numbers[i]).bits());
            }
        }
    }
}

TEST_CASE("augmentation on a device gives Reference's bits in every run, in bf16 those rounded") {
    const auto limits = daf_test::every_change();
    daf::Reference reference;
    for (const auto& pictures : daf_test::picture_cases()) {
        INFO(pictures.from_side, " pixels to ", pictures.to_side);
        const auto want = daf_test::augmented<float>(reference, pictures, limits);
        const auto in_double = daf_test::augmented<double>(reference, pictures, limits);
        const std::vector<daf::bf16> rounded(want.begin(), want.end());
        for (int again = 0; again < 10; ++again) {
            daf::Gpu gpu;
            CHECK(daf_test::augmented<float>(gpu, pictures, limits) == want);
            CHECK(daf_test::augmented<double>(gpu, pictures, limits) == in_double);
            const auto narrow = daf_test::augmented<daf::bf16>(gpu, pictures, limits);
            CHECK(std::ranges::equal(narrow, rounded, {}, &daf::bf16::bits, &daf::bf16::bits));
        }
    }
}
