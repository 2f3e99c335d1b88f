#include <daf/gpu/channel_attention.hpp>
#include <daf/reference/channel_attention.hpp>

#include "support/conform_on_fibers.hpp"

using daf::ChannelAttention;
using daf::Hidden;
using daf::Shape;
using daf_test::conform_on_fibers;
using daf_test::HostGpu;

TEST_CASE("channel attention's kernels keep every promise") {
    conform_on_fibers<ChannelAttention<Shape<5, 7, 6>, 2>>({}, daf_test::few_batches());
    conform_on_fibers<ChannelAttention<Shape<1, 1, 8>, 8>>({}, daf_test::few_batches());
    conform_on_fibers<ChannelAttention<Shape<4, 3, 39>, 3, Hidden::sigmoid>>({}, daf_test::few_batches());
    conform_on_fibers<ChannelAttention<Shape<3, 4, 20>, 4, Hidden::identity>>({}, daf_test::few_batches());
    // Wider than a block. Its gates are close to 0 or 1, where 1 - s has few digits in float.
    daf_test::Promise wide = daf_test::few_batches();
    wide.float_tolerance = 1e-4;
    conform_on_fibers<ChannelAttention<Shape<1, 2, 300>, 2>>({}, wide);
}

TEST_CASE("channel attention's kernels keep them where a thread sees many positions") {
    // Both turns over the channels; its vectors fit into shared memory as floats, and do not as doubles.
    conform_on_fibers<ChannelAttention<Shape<3, 6, 390>, 39>>({}, {.batches = {2}, .seeds = {1}});
}

TEST_CASE("channel attention's kernels keep them with vectors longer than shared memory") {
    daf_test::Promise wide{.batches = {2}, .seeds = {1}};
    wide.float_tolerance = 1e-4;
    conform_on_fibers<ChannelAttention<Shape<1, 2, 704>, 11>>({}, wide);
}

TEST_CASE("the gradients of channel attention's net are added in several chunks of a batch") {
    conform_on_fibers<ChannelAttention<Shape<1, 2, 6>, 2>>({}, {.batches = {259}, .seeds = {1}});
}

TEST_CASE("of a channel that is minus infinity everywhere, the first position is the largest") {
    HostGpu gpu;
    daf_test::Workbench<ChannelAttention<Shape<3, 4, 8>, 2>, float, HostGpu> bench(gpu, {}, 2, 1);
    for (daf::Index p = 0; p < 12; ++p) bench.x[p * 8 + 3] = -std::numeric_limits<float>::infinity();
    bench.forward_train();
    CHECK(bench.saved().channel_pools[0][8 + 3] == -std::numeric_limits<float>::infinity());
    CHECK(bench.saved().channel_argmax[0][3] == 0);
}

TEST_CASE("of several NaNs in a channel the first is the largest") {
    HostGpu gpu;
    daf_test::Workbench<ChannelAttention<Shape<3, 4, 390>, 39>, float, HostGpu> bench(gpu, {}, 2, 1);
    for (const daf::Index p : {5, 9}) bench.x[p * 390 + 3] = std::numeric_limits<float>::quiet_NaN();
    bench.forward_train();
    CHECK(std::isnan(bench.saved().channel_pools[0][390 + 3]));
    CHECK(bench.saved().channel_argmax[0][3] == 5);
}
