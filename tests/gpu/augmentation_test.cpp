#include <doctest/doctest.h>

#include <daf/gpu/augmentation.hpp>
#include <daf/reference/augmentation.hpp>

#include "../support/pictures.hpp"
#include "support/host_gpu.hpp"

using daf_test::augmented;
using daf_test::every_change;

TEST_CASE("augmentation's kernels give Reference's bits under any schedule") {
    daf::Reference reference;
    for (const auto& pictures : daf_test::picture_cases()) {
        const auto want = augmented<float>(reference, pictures, every_change());
        const auto in_double = augmented<double>(reference, pictures, every_change());
        for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
            daf_test::HostGpu gpu(seed);
            CHECK(augmented<float>(gpu, pictures, every_change()) == want);
            CHECK(augmented<double>(gpu, pictures, every_change()) == in_double);
        }
    }
}

TEST_CASE("augmentation into bf16 is that into float, rounded") {
    daf_test::HostGpu gpu;
    for (const auto& pictures : daf_test::picture_cases()) {
        const auto wide = augmented<float>(gpu, pictures, every_change());
        const auto narrow = augmented<daf::bf16>(gpu, pictures, every_change());
        CHECK(narrow.size() == wide.size());
        CHECK(std::ranges::equal(narrow, wide, {}, &daf::bf16::bits,
                                 [](float value) { return daf::bf16(value).bits(); }));
    }
}

TEST_CASE("augmentation's kernels leave out what is switched off") {
    daf::Reference reference;
    daf_test::HostGpu gpu;
    const daf_test::PictureCase pictures{3, 7, 10, {}};
    for (const daf::Augmentation& limits :
         {daf::Augmentation{}, daf::Augmentation{.flip = true}, daf::Augmentation{.rotate = 180},
          daf::Augmentation{.zoom = 0.9}, daf::Augmentation{.shift = 2}, daf::Augmentation{.light = 1}}) {
        CHECK(augmented<float>(gpu, pictures, limits) == augmented<float>(reference, pictures, limits));
    }
}
