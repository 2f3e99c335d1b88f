#include <daf/gpu/conv2d.hpp>
#include <daf/reference/conv2d.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Bias;
using daf::Conv2d;
using daf::Index;
using daf::Shape;
using daf_test::conform_on_fibers;

TEST_CASE("the kernels around a convolution keep every promise") {
    conform_on_fibers<Conv2d<Shape<5, 7, 3>, 4>>({}, daf_test::few_batches_of_products());
    conform_on_fibers<Conv2d<Shape<4, 3, 6>, 16>>({}, daf_test::few_batches_of_products());
    // Weights that fill more than one square, and none of them whole.
    conform_on_fibers<Conv2d<Shape<3, 3, 5>, 37>>({}, daf_test::few_batches_of_products());
}

TEST_CASE("kernel sizes, strides and a bias keep every promise") {
    conform_on_fibers<Conv2d<Shape<6, 5, 4>, 5, 1>>({}, daf_test::few_batches_of_products());
    conform_on_fibers<Conv2d<Shape<8, 6, 3>, 17, 3, 2, Bias::per_channel>>(
        {}, daf_test::few_batches_of_products());
    conform_on_fibers<Conv2d<Shape<7, 9, 2>, 4, 5, 2>>({}, daf_test::few_batches_of_products());
}

TEST_CASE("convolutions of few channels, which are kernels of ours, keep every promise") {
    auto promise = daf_test::few_batches_of_products();
    promise.bf16_gradient_steps = 0;  // dw is never rounded to bf16
    conform_on_fibers<Conv2d<Shape<4, 3, 1>, 16>>({}, promise);
    conform_on_fibers<Conv2d<Shape<5, 4, 1>, 7, 3, 2, Bias::per_channel>>({}, promise);
    conform_on_fibers<Conv2d<Shape<6, 7, 4>, 16, 1, 2>>({}, promise);
    // Pieces of 8 pixels, and what is left of a line.
    conform_on_fibers<Conv2d<Shape<3, 21, 1>, 8, 3, 2>>({}, promise);
    conform_on_fibers<Conv2d<Shape<2, 19, 1>, 24>>({}, promise);
    // More features than a block has threads; more rows than a chunk.
    conform_on_fibers<Conv2d<Shape<3, 2, 1>, 259>>({}, promise);
    static_assert(daf::gpu::DirectConvolution<Conv2d<Shape<40, 30, 1>, 8>, float>::chunks(7) > 10);
    conform_on_fibers<Conv2d<Shape<40, 30, 1>, 8>>({}, promise);
}

TEST_CASE("an accumulated gradient takes no more memory than a few images") {
    using daf::gpu::images_at_a_time;
    CHECK(images_at_a_time<float>(1000, 8) == 8);
    CHECK(images_at_a_time<float>(Index{1} << 20, 8) == 4);
    CHECK(images_at_a_time<float>(Index{1} << 30, 8) == 1);
}

TEST_CASE("a gradient that is accumulated in several pieces is the whole gradient") {
    // 11 images of 2.4 MB: pieces of 6 and 5.
    using Op = Conv2d<Shape<768, 800, 1>, 1, 1>;
    constexpr Index images = 11;
    static_assert(images * Op::Input::size * 4 > Index{1} << 24);
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, images, 1);
    bench.forward_train();
    bench.backward(daf::overwrite(bench.dx_batch()));
    const auto once = bench.dx.copy();
    bench.dx.fill(1.0f);
    bench.backward(daf::accumulate(bench.dx_batch()));
    Index wrong = 0;
    for (Index i = 0; i < bench.dx.size(); ++i) wrong += bench.dx[i] != once[static_cast<std::size_t>(i)] + 1;
    CHECK(wrong == 0);
}
