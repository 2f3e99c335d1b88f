#include <daf/gpu/flatten.hpp>
#include <daf/reference/flatten.hpp>

#include "support/conform_on_fibers.hpp"

TEST_CASE("flatten's kernels keep every promise") {
    daf_test::conform_on_fibers<daf::Flatten<daf::Shape<3, 5, 7>>>();
    daf_test::conform_on_fibers<daf::Flatten<daf::Shape<11>>>();
}
