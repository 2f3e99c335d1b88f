#include <doctest/doctest.h>

#include <daf/gpu/counting.hpp>
#include <daf/reference/counting.hpp>

#include "../support/counted.hpp"
#include "support/host_gpu.hpp"

using daf::Index;
using daf_test::counts_of;

TEST_CASE(
    "the counting kernels count as the reference, for batches below and above what blocks take at once") {
    daf::Reference reference;
    for (const Index count : {1, 7, 256, 700, 4300}) {
        const auto want = counts_of<float>(reference, count);
        for (const std::uint64_t seed : {1u, 2u}) {
            daf_test::HostGpu gpu(seed);
            CHECK(counts_of<float>(gpu, count) == want);
            CHECK(counts_of<double>(gpu, count) == want);
            CHECK(counts_of<daf::bf16>(gpu, count) == want);
        }
    }
}

TEST_CASE("nearest centres are looked for by a warp for each sample, in as many blocks as that takes") {
    using daf::gpu::CountNearest;
    CHECK(CountNearest<float>::blocks(1) == 1);
    CHECK(CountNearest<float>::blocks(129) == 65);
    CHECK(CountNearest<float>::blocks(Index{1} << 20) == daf::gpu::most_blocks);
    daf_test::HostGpu gpu;
    CHECK(daf::nearest_scratch_bytes(gpu, 129) == daf::scratch_size<Index>(65));
    daf::Reference reference;
    CHECK(daf::nearest_scratch_bytes(reference, 129) == 0);
}
