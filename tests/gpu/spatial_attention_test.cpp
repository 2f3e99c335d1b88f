#include <daf/gpu/spatial_attention.hpp>
#include <daf/reference/spatial_attention.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Shape;
using daf::SpatialAttention;
using daf_test::conform_on_fibers;
using daf_test::HostGpu;

TEST_CASE("spatial attention's kernels keep every promise") {
    conform_on_fibers<SpatialAttention<Shape<5, 7, 6>, 3>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<1, 1, 1>, 1>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<2, 9, 37>, 7>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<17, 16, 2>, 3>>({}, {.batches = {4}, .seeds = {1}});
}

TEST_CASE("spatial attention's kernels keep them with maps larger than shared memory and a block") {
    conform_on_fibers<SpatialAttention<Shape<20, 20, 4>, 5>>({}, {.batches = {2}, .seeds = {1}});
}

TEST_CASE("spatial attention's kernels keep them with more weights than threads") {
    conform_on_fibers<SpatialAttention<Shape<3, 4, 5>, 15>>({}, {.batches = {2}, .seeds = {1}});
}

TEST_CASE("of a position that is minus infinity in all channels, the first is the largest") {
    HostGpu gpu;
    daf_test::Workbench<SpatialAttention<Shape<3, 4, 40>, 3>, float, HostGpu> bench(gpu, {}, 2, 1);
    for (daf::Index c = 0; c < 40; ++c) bench.x[7 * 40 + c] = -std::numeric_limits<float>::infinity();
    for (const daf::Index c : {9, 11, 38}) bench.x[8 * 40 + c] = std::numeric_limits<float>::quiet_NaN();
    bench.forward_train();
    CHECK(bench.saved().spatial_argmax[0][7] == 0);
    CHECK(bench.saved().spatial_argmax[0][8] == 9);  // of several NaNs also
}
