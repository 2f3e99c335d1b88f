#pragma once
// Augmentation: each training image is shown a little different in each epoch.
#include <cstdint>
#include <daf/core/random.hpp>
#include <span>

namespace daf_cnn {

/// How far a change may go, each way; the paper does not say. All zero: images as they are.
struct Augmentation {
    bool flip = false;  ///< mirrored left to right, every second time
    double rotate = 0;  ///< degrees
    double zoom = 0;    ///< scale 1 - zoom to 1 + zoom
    double shift = 0;   ///< of the image's side, along x and y
    double light = 0;   ///< brightness, and contrast about the middle grey
    bool acts() const { return flip || rotate > 0 || zoom > 0 || shift > 0 || light > 0; }
};

/// One image's change.
struct Change {
    bool flipped = false;
    double angle = 0;                 ///< radians, clockwise as seen
    double scale = 1;                 ///< larger than 1: nearer
    double shift_x = 0, shift_y = 0;  ///< of the side, to the right and downwards
    float brightness = 0;             ///< added to values in [0, 1]
    float contrast = 1;               ///< times the distance from 1/2, before that
};

/// Where augmentation draws; the shuffle has a layer of its own, operators count theirs from 0.
inline constexpr std::uint32_t augmentation_layer = 0xA0630000u;

/// The change of the image at a position of an epoch's order: uniform within `limits`, a function of the arguments
/// alone. Each kind of change has its own random word, so that switching one off leaves the others as they were.
Change drawn_change(const Augmentation& limits, daf::Seed seed, int epoch, std::uint32_t position);

/// The changed image as numbers in [0, 1] at another side, in one bilinear step from the 8-bit pixels: pixel centres
/// at halves, the edges' pixels repeated outwards. Flip, scale, rotation about the centre, shift; then contrast
/// and brightness, cut off at 0 and 1. Both images are square.
void to_changed_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                      std::size_t to_side, const Change& change);

}  // namespace daf_cnn
