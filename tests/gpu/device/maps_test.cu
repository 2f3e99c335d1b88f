// Operators that stream maps, and what makes a network's first ones of pictures, on a device.
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
    conform_on_device<daf::Flatten<Shape<3, 5, 7>>>({}, one_batch());
}

TEST_CASE("batch norm on a device keeps every promise") {
    conform_on_device<daf::BatchNorm<Shape<5, 7, 3>>>({}, one_batch());
    conform_on_device<daf::BatchNorm<Shape<5, 7, 40>>>({}, one_batch());
}

TEST_CASE("pools on a device keep every promise") {
    conform_on_device<daf::MaxPool<Shape<5, 7, 17>>>({}, one_batch());
    conform_on_device<daf::GlobalAveragePool<Shape<5, 7, 3>>>({}, one_batch());
    conform_on_device<daf::GlobalMaxPool<Shape<3, 3, 130>>>({}, one_batch());
}

TEST_CASE("attention on a device keeps every promise in each arrangement") {
    conform_on_device<daf::ChannelAttention<Shape<4, 3, 39>, 3>>({}, one_batch());
    conform_on_device<daf::SpatialAttention<Shape<4, 3, 40>>>({}, one_batch());
    conform_on_device<DualAttention<Shape<5, 7, 8>, 2, 3, Arrangement::channel_first>>({}, one_batch());
    conform_on_device<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::spatial_first>>({}, one_batch());
    conform_on_device<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::parallel>>({}, one_batch());
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
