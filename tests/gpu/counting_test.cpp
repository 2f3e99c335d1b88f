#include <doctest/doctest.h>

#include <daf/gpu/counting.hpp>
#include <daf/reference/counting.hpp>

#include "../support/counted.hpp"
#include "support/host_gpu.hpp"

using daf::Index;
using daf_test::counts_of;

TEST_CASE("the counting kernels count as the reference, for batches below and above a block's threads") {
    daf::Reference reference;
    for (const Index count : {1, 7, 256, 700}) {
        const auto want = counts_of<float>(reference, count);
        for (const std::uint64_t seed : {1u, 2u}) {
            daf_test::HostGpu gpu(seed);
            CHECK(counts_of<float>(gpu, count) == want);
            CHECK(counts_of<double>(gpu, count) == want);
            CHECK(counts_of<daf::bf16>(gpu, count) == want);
        }
    }
}
