#pragma once
#include <daf/gpu/spatial_gate.hpp>

namespace daf {

namespace gpu {

/// A block an image, W neighbouring channels at a time.
template <class T, Index W>
struct SpatialForward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    using Shared = NothingShared;

    SpatialStage<Wide<T>> spatial;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block(), channels = spatial.channels,
                    image = n * spatial.positions() * channels;
        const T* from = x + image;
        T* to = y + image;
        const auto given = [=](Index p, Index c) { return load<W>(from + p * channels + c); };
        spatial.template find_gate<W>(block, n, given);
        for_each_element<W>(block, spatial.positions(), channels, [=, this](Index p, Index c) {
            store(to + p * channels + c, given(p, c) * spatial.gate(n, p));
        });
    }
};

template <class T, Index W>
struct SpatialBackward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    using Shared = NothingShared;

    SpatialStage<Wide<T>> spatial;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block(), channels = spatial.channels,
                    image = n * spatial.positions() * channels;
        const T *from = x + image, *outer = dy + image;
        const auto slope = [=](Index p, Index c) { return load<W>(outer + p * channels + c); };
        spatial.template find_slopes<W>(
            block, n, [=](Index p, Index c) { return load<W>(from + p * channels + c) * slope(p, c); });
        if (dx.data == nullptr) return;
        for_each_element<W>(block, spatial.positions(), channels, [=, this](Index p, Index c) {
            dx.write(image + p * channels + c, spatial.back(n, p, c, slope(p, c)));
        });
    }
};

}  // namespace gpu

template <class In, Index K, GridBackend Backend>
struct Kernel<SpatialAttention<In, K>, Backend> {
    using Op = SpatialAttention<In, K>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_bytes<Op, T>(count),
                        gpu::SpatialStage<Wide<T>>::template scratch_bytes<Op>(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto stage =
            gpu::SpatialStage<Wide<T>>::of(call.op, call.params, saved_or_scratch(call, frame));
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::with_width<T, In::channels>(gpu::aligned(x, y), [&](auto width) {
            ctx.launch(call.count(), gpu::SpatialForward<T, width()>{stage, x, y});
        });
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto stage = gpu::SpatialStage<Wide<T>>::of(call.op, call.params, call.saved);
        stage.take(frame, call.count());
        const T *x = call.x.data(), *dy = call.dy.data();
        const gpu::Slopes<T> dx = gpu::slopes_of(call.dx);
        gpu::with_width<T, In::channels>(gpu::aligned(x, dy, dx.data), [&](auto width) {
            ctx.launch(call.count(), gpu::SpatialBackward<T, width()>{stage, x, dy, dx});
        });
        gpu::add_spatial_gradients(ctx, stage, call.dparams, call.count());
    }
};

}  // namespace daf
