// Operators that cuDNN multiplies, on a device.
#include <daf/daf.cuh>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/linear.hpp>

#include "../support/product_promise.hpp"
#include "conform_on_device.hpp"

using daf::Shape;
using daf_test::conform_on_device;
using daf_test::of_products;
using daf_test::of_products_before_relu;
using daf_test::one_batch;

TEST_CASE("convolutions on a device keep every promise") {
    // Two batches on one context: each has plans of its own.
    conform_on_device<daf::Conv2d<Shape<5, 7, 3>, 4>>({}, of_products({.batches = {3, 2}, .seeds = {1}}));
    conform_on_device<daf::Conv2d<Shape<8, 6, 3>, 17, 3, 2, daf::Bias::per_channel>>(
        {}, of_products(one_batch()));
}

TEST_CASE("convolutions of few channels, which are kernels of ours, keep every promise on a device") {
    conform_on_device<daf::Conv2d<Shape<8, 9, 1>, 16>>({}, one_batch());
    conform_on_device<daf::Conv2d<Shape<6, 7, 4>, 5, 1, 2, daf::Bias::per_channel>>({}, one_batch());
    conform_on_device<daf::ConvBnRelu<Shape<8, 9, 1>, 16>>({}, of_products_before_relu(one_batch()));
}

TEST_CASE("convolution, BN and ReLU on a device keep every promise") {
    conform_on_device<daf::ConvBnRelu<Shape<5, 7, 3>, 4>>({}, of_products_before_relu(one_batch()));
}

TEST_CASE("a linear layer on a device keeps every promise") {
    conform_on_device<daf::Linear<Shape<3, 4, 5>, 17>>({}, of_products(one_batch()));
    conform_on_device<daf::Linear<Shape<3, 4, 8>, 7>>({}, one_batch());  // narrow: a kernel of ours
}
