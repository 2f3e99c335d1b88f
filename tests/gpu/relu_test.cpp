#include <daf/gpu/relu.hpp>
#include <daf/reference/relu.hpp>

#include "support/conform_on_fibers.hpp"

TEST_CASE("relu's kernels keep every promise") {
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<5, 7, 3>>>();
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<17>>>();
}
