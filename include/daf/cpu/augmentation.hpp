#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/augmentation.hpp>

namespace daf {

/// A picture a chunk.
template <>
struct Kernel<PictureChange, Cpu> {
    template <class T>
    static void run(Cpu& ctx, const AugmentCall<T>& call) {
        ctx.parallel(call.count, [&](Index i) {
            const auto position = call.first_position + static_cast<std::uint32_t>(i);
            const ChangedPicture changed(drawn_change(call.limits, call.stream, position), call.from_side,
                                         call.to_side);
            const Index picture = call.chosen != nullptr ? call.chosen[i] : i;
            changed.write(call.pictures + picture * call.from_side * call.from_side, call.to_side,
                          call.images + i * call.to_side * call.to_side);
        });
    }
};

}  // namespace daf
