#pragma once
#include <daf/core/scratch.hpp>
#include <daf/gpu/grid.hpp>
#include <daf/ops/augmentation.hpp>

namespace daf {

namespace gpu {

/// A thread an image: what all its pixels need.
template <class T>
struct DrawChanges {
    AugmentCall<T> call;
    ChangedPicture* changes;
    DAF_HOST_DEVICE void operator()(Index i) const {
        const auto position = call.first_position + static_cast<std::uint32_t>(i);
        changes[i] =
            ChangedPicture(drawn_change(call.limits, call.stream, position), call.from_side, call.to_side);
    }
};

/// A thread a pixel.
template <class T>
struct ChangePixels {
    AugmentCall<T> call;
    const ChangedPicture* changes;
    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index side = call.to_side, n = i / (side * side), pixel = i % (side * side);
        const Index picture = call.chosen != nullptr ? call.chosen[n] : n;
        const std::uint8_t* pixels = call.pictures + picture * call.from_side * call.from_side;
        call.images[i] = static_cast<T>(changes[n](pixels, pixel % side, pixel / side));
    }
};

}  // namespace gpu

template <GridBackend Backend>
struct Kernel<PictureChange, Backend> {
    template <class T>
    static void run(Backend& ctx, const AugmentCall<T>& call) {
        ctx.reserve(scratch_size<ChangedPicture>(call.count));
        auto frame = ctx.scratch();
        auto* changes = frame.template take<ChangedPicture>(call.count);
        gpu::for_each(ctx, call.count, gpu::DrawChanges<T>{call, changes});
        gpu::for_each(ctx, call.count * call.to_side * call.to_side, gpu::ChangePixels<T>{call, changes});
    }
};

}  // namespace daf
