#pragma once
#include <daf/ops/augmentation.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<PictureChange, Reference> {
    template <class T>
    static void run(Reference&, const AugmentCall<T>& call) {
        for (Index i = 0; i < call.count; ++i) {
            const auto position = call.first_position + static_cast<std::uint32_t>(i);
            const ChangedPicture changed(drawn_change(call.limits, call.stream, position), call.from_side,
                                         call.to_side);
            const Index picture = call.chosen != nullptr ? call.chosen[i] : i;
            const std::uint8_t* pixels = call.pictures + picture * call.from_side * call.from_side;
            T* image = call.images + i * call.to_side * call.to_side;
            for (Index y = 0; y < call.to_side; ++y) {
                for (Index x = 0; x < call.to_side; ++x)
                    image[y * call.to_side + x] = static_cast<T>(changed(pixels, x, y));
            }
        }
    }
};

}  // namespace daf
