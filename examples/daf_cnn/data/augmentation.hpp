#pragma once
// Augmentation: each training image is shown a little different in each epoch.
#include <cstdint>
#include <daf/ops/augmentation.hpp>
#include <span>

namespace daf_cnn {

using daf::Augmentation;
using daf::Change;

/// Where augmentation draws; the shuffle has a layer of its own, operators count theirs from 0.
inline constexpr std::uint32_t augmentation_layer = 0xA0630000u;

/// The change of the image at a position of an epoch's order.
Change drawn_change(const Augmentation& limits, daf::Seed seed, int epoch, std::uint32_t position);

/// The changed image as numbers in [0, 1] at another side, as daf::augment makes it. Both images are square.
void to_changed_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                      std::size_t to_side, const Change& change);

}  // namespace daf_cnn
