#include "data/augmentation.hpp"

namespace daf_cnn {

Change drawn_change(const Augmentation& limits, daf::Seed seed, int epoch, std::uint32_t position) {
    const daf::Stream stream{seed, static_cast<std::uint32_t>(epoch), augmentation_layer};
    return daf::drawn_change(limits, stream, position);
}

void to_changed_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                      std::size_t to_side, const Change& change) {
    const auto side = static_cast<daf::Index>(to_side);
    daf::ChangedPicture(change, static_cast<daf::Index>(from_side), side).write(from.data(), side, to.data());
}

}  // namespace daf_cnn
