// Operators that stream maps, on a device.
#include <daf/daf.cuh>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/flatten.hpp>
#include <daf/reference/global_pool.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/spatial_attention.hpp>

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
