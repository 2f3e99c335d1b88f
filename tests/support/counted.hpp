#pragma once
// The counts of a training step, asked of any backend.
#include <cmath>
#include <daf/core/random.hpp>
#include <daf/ops/counting.hpp>
#include <vector>

namespace daf_test {

using daf::Index;

/// All three counts of random samples, some of them equal, some not numbers: positive losses, largest scores,
/// nearest centres.
template <class T, class Backend>
std::vector<Index> counts_of(Backend& ctx, Index count) {
    using daf::Shape;
    using Space = typename Backend::Space;
    constexpr Index classes = 5, features = 70;
    daf::RandomSequence random(daf::Stream{daf::Seed{static_cast<std::uint64_t>(count)}});
    const auto draw = [&](auto zero, Index size) {
        std::vector<decltype(zero)> values(static_cast<std::size_t>(size));
        for (auto& v : values) v = static_cast<decltype(zero)>(random.below(3) - 1.0);
        return values;
    };
    using Number = daf::Wide<T>;
    std::vector<Number> losses = draw(Number(0), count);
    std::vector<T> scores = draw(T(0), count * classes);
    std::vector<T> x = draw(T(0), count * features);
    const std::vector<Number> centres = draw(Number(0), classes * features);
    losses[0] = std::nanf("");
    scores[0] = static_cast<T>(std::nanf(""));
    scores.back() = scores[0];
    x.back() = scores[0];
    std::vector<std::int32_t> labels(static_cast<std::size_t>(count));
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(classes));

    // Each in the backend's memory, which lives until the counts are back.
    const auto loss_batch = ctx.upload(daf::batch_of<Shape<1>>(losses));
    const auto score_batch = ctx.upload(daf::batch_of<Shape<classes>>(scores));
    const auto x_batch = ctx.upload(daf::batch_of<Shape<features>>(x));
    const auto centre_batch = ctx.upload(daf::batch_of<Shape<classes, features>>(centres));
    const auto label_batch = ctx.upload(daf::labels_of(labels));
    std::vector<Index> counts(3, -7);
    const auto memory = ctx.allocate(3 * Index{sizeof(Index)});
    auto* const there = memory.template as<Index>();
    ctx.copy_in(there, counts.data(), 3);
    const auto into = [&](Index i) { return daf::View<Shape<1>, Index, Space>(there + i); };
    daf::count_positive(ctx, loss_batch, into(0));
    daf::count_largest(ctx, score_batch, label_batch, into(1));
    daf::count_nearest(ctx, x_batch,
                       daf::View<Shape<classes, features>, const Number, Space>(centre_batch.data()),
                       label_batch, into(2));
    ctx.copy_out(counts.data(), static_cast<const Index*>(there), 3);
    return counts;
}

}  // namespace daf_test
