#pragma once
// Pictures to augment, and a call of `augment` on any backend.
#include <doctest/doctest.h>

#include <daf/ops/augmentation.hpp>

#include "workbench.hpp"

namespace daf_test {

/// `count` pictures of side x side bytes.
inline std::vector<std::uint8_t> pictures(Index count, Index side) {
    daf::RandomSequence random(daf::Stream{daf::Seed{3}, 0, 80});
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * side * side));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    return bytes;
}

inline daf::Augmentation every_change() {
    return {.flip = true, .rotate = 25, .zoom = 0.3, .shift = 0.2, .light = 0.4};
}

struct PictureCase {
    Index pictures, from_side, to_side;
    std::vector<std::int32_t> chosen;  // empty: all in their order
};

/// What `augment` makes of random pictures.
template <class T, class Backend>
std::vector<T> augmented(Backend& ctx, const PictureCase& given, const daf::Augmentation& limits) {
    const std::vector<std::uint8_t> bytes = pictures(given.pictures, given.from_side);
    const Index count = given.chosen.empty() ? given.pictures : static_cast<Index>(given.chosen.size());
    Guarded<T> images(count * given.to_side * given.to_side);
    images.poison();
    using Numbers = daf::Shape<1>;
    const auto bytes_there = ctx.upload(daf::batch_of<Numbers>(bytes));
    const auto chosen_there = ctx.upload(daf::labels_of(given.chosen));
    const auto images_there = ctx.upload(daf::Batch<Numbers, T, daf::Host>(images.data(), images.size()));
    daf::AugmentCall<T> call;
    call.pictures = bytes_there.data();
    call.from_side = given.from_side;
    call.chosen = given.chosen.empty() ? nullptr : chosen_there.data();
    call.images = images_there.data();
    call.to_side = given.to_side;
    call.count = count;
    call.limits = limits;
    call.stream = {daf::Seed{9}, 4, 7};
    call.first_position = 1000;
    daf::augment(ctx, call);
    CHECK(images.edges_whole());
    const auto made = ctx.download(images_there);
    return {made.data(), made.data() + made.size()};
}

/// Sides that nothing divides, one pixel alone, smaller and larger pictures.
inline std::vector<PictureCase> picture_cases() {
    return {{1, 1, 1, {}},    {2, 1, 3, {}},    {3, 5, 5, {}}, {2, 13, 7, {}}, {3, 11, 37, {2, 0, 0, 1, 2}},
            {2, 48, 96, {1}}, {5, 9, 8, {4, 3}}};
}

}  // namespace daf_test
