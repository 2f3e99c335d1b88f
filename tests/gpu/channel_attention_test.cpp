#include <daf/gpu/channel_attention.hpp>
#include <daf/reference/channel_attention.hpp>

#include "support/conform_on_fibers.hpp"

using daf::ChannelAttention;
using daf::Hidden;
using daf::Shape;
using daf_test::conform_on_fibers;

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
