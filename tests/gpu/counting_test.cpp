#include <doctest/doctest.h>

#include <daf/gpu/counting.hpp>
#include <daf/reference/counting.hpp>
#include <vector>

#include "support/host_gpu.hpp"

using daf::Index;
using daf::Shape;

namespace {

/// All three counts of random samples, some of them equal, some not numbers.
template <class T = float, class Backend>
std::vector<Index> counts_of(Backend& ctx, Index count) {
    constexpr Index classes = 5, features = 70;
    daf::RandomSequence random(daf::Stream{daf::Seed{static_cast<std::uint64_t>(count)}});
    const auto draw = [&](auto zero, Index size) {
        std::vector<decltype(zero)> values(static_cast<std::size_t>(size));
        for (auto& v : values) v = static_cast<decltype(zero)>(random.below(3) - 1.0);
        return values;
    };
    std::vector<float> losses = draw(0.0f, count);
    std::vector<T> scores = draw(T(0), count * classes);
    std::vector<T> x = draw(T(0), count * features);
    const std::vector<float> centres = draw(0.0f, classes * features);
    losses[0] = std::nanf("");
    scores[0] = static_cast<T>(std::nanf(""));
    scores.back() = scores[0];
    x.back() = scores[0];
    std::vector<std::int32_t> labels(static_cast<std::size_t>(count));
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(classes));
    std::vector<Index> counts(3, -7);
    const auto into = [&](std::size_t i) { return daf::View<Shape<1>, Index>(&counts[i]); };
    daf::count_positive(ctx, daf::batch_of<Shape<1>>(losses), into(0));
    daf::count_largest(ctx, daf::batch_of<Shape<classes>>(scores), daf::labels_of(labels), into(1));
    daf::count_nearest(ctx, daf::batch_of<Shape<features>>(x),
                       daf::View<Shape<classes, features>, const float>(centres.data()),
                       daf::labels_of(labels), into(2));
    return counts;
}

}  // namespace

TEST_CASE("the counting kernels count as the reference, for batches below and above a block's threads") {
    daf::Reference reference;
    for (const Index count : {1, 7, 256, 700}) {
        const auto want = counts_of(reference, count);
        for (const std::uint64_t seed : {1u, 2u}) {
            daf_test::HostGpu gpu(seed);
            CHECK(counts_of(gpu, count) == want);
            CHECK(counts_of<daf::bf16>(gpu, count) == want);
        }
    }
}
