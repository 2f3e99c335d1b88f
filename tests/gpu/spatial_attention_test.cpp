#include <daf/gpu/spatial_attention.hpp>
#include <daf/reference/spatial_attention.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Shape;
using daf::SpatialAttention;
using daf_test::conform_on_fibers;

TEST_CASE("spatial attention's kernels keep every promise") {
    conform_on_fibers<SpatialAttention<Shape<5, 7, 6>, 3>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<1, 1, 1>, 1>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<2, 9, 37>, 7>>({}, daf_test::few_batches());
    conform_on_fibers<SpatialAttention<Shape<17, 16, 2>, 3>>({}, {.batches = {4}, .seeds = {1}});
}
