// Operators that cuDNN multiplies, on a device.
#include <daf/daf.cuh>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/linear.hpp>

#include "../support/product_promise.hpp"
#include "conform_on_device.hpp"

using daf::bf16;
using daf::CudnnChoice;
using daf::Index;
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
    conform_on_device<daf::Conv2d<Shape<4, 4, 8>, 16, 3, 1, daf::Bias::per_channel>>(
        {}, of_products(one_batch()));
}

TEST_CASE("convolutions of few channels, which are kernels of ours, keep every promise on a device") {
    conform_on_device<daf::Conv2d<Shape<8, 9, 1>, 16>>({}, one_batch());
    conform_on_device<daf::Conv2d<Shape<6, 7, 4>, 5, 1, 2, daf::Bias::per_channel>>({}, one_batch());
    conform_on_device<daf::ConvBnRelu<Shape<8, 9, 1>, 16>>({}, of_products_before_relu(one_batch()));
}

TEST_CASE("convolution, BN and ReLU on a device keep every promise") {
    conform_on_device<daf::ConvBnRelu<Shape<5, 7, 3>, 4>>({}, of_products_before_relu(one_batch()));
    conform_on_device<daf::ConvBnRelu<Shape<4, 4, 8>, 16>>({}, of_products_before_relu(one_batch()));
}

TEST_CASE("a linear layer on a device keeps every promise") {
    conform_on_device<daf::Linear<Shape<3, 4, 5>, 17>>({}, of_products(one_batch()));
    conform_on_device<daf::Linear<Shape<3, 4, 8>, 7>>({}, one_batch());  // narrow: a kernel of ours
}

TEST_CASE("a convolution that adds up its own statistics keeps every promise in bf16 on a device") {
    const CudnnChoice fused{.fused_statistics = true};
    const auto check = [&]<class Op>(const Op& op, bool repeat) {
        const auto promise = of_products_before_relu(one_batch());
        const Index images = promise.batches.back();
        daf::Reference oracle;
        daf::Gpu gpu;
        gpu.set_cudnn(fused);
        CHECK(daf::Kernel<Op, daf::Gpu>::template forward_task<bf16>(gpu, images).pass ==
              daf::gpu::Pass::forward_statistics);
        const auto in_bf16 = daf_test::subject<bf16, daf::Gpu>(op);
        daf_test::check_in_bf16(in_bf16.on(gpu), daf_test::subject<double, daf::Reference>(op).on(oracle),
                                promise);
        if (repeat) daf_test::check_runs(in_bf16, images, fused);
    };
    check(daf::ConvBnRelu<Shape<5, 7, 3>, 4>{}, false);
    check(daf::ConvBnRelu<Shape<6, 6, 16>, 32>{}, true);  // cuDNN compiles its engine in every run
}

TEST_CASE("products of floats in TF32 on a device lose what its ten bits of fraction say, and no more") {
    const CudnnChoice tf32{.tf32 = true};
    // Each factor is off by 2^-11 of itself, or by twice that where it is cut off instead of rounded.
    constexpr double tolerance = 0x1p-9;
    const auto check = [&](const auto& op, bool whole_numbers) {
        constexpr Index images = 3;
        daf::Reference oracle;
        daf::Gpu gpu, exact;
        gpu.set_cudnn(tf32);
        const auto in_float = daf_test::subject<float, daf::Gpu>(op);
        const auto make = in_float.on(gpu);
        daf_test::check_against_reference(make, daf_test::subject<double, daf::Reference>(op).on(oracle),
                                          images, 1, tolerance, whole_numbers);
        daf_test::check_accumulation(make, images, tolerance);
        daf_test::check_runs(in_float, images, tf32);
        CHECK(daf_test::run(*make(images, 5)).dx != daf_test::run(*in_float.on(exact)(images, 5)).dx);
    };
    check(daf::Conv2d<Shape<6, 6, 64>, 64, 3, 1, daf::Bias::per_channel>{}, false);
    check(daf::Linear<Shape<64>, 32>{}, false);
    // Whole numbers that TF32 holds: else a ReLU would let through here what it does not there.
    check(daf::ConvBnRelu<Shape<6, 6, 64>, 32>{}, true);
}
