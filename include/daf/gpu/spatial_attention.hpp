#pragma once
#include <daf/gpu/spatial_gate.hpp>

namespace daf {

namespace gpu {

/// A block an image.
template <class T>
struct SpatialForward {
    static constexpr unsigned threads = 256;
    using Shared = NothingShared;

    SpatialStage<T> spatial;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block(), channels = spatial.channels,
                    image = n * spatial.positions() * channels;
        const T* from = x + image;
        T* to = y + image;
        spatial.find_gate(block, n, [=](Index p, Index c) { return from[p * channels + c]; });
        for_each_element(block, spatial.positions(), channels, [=, this](Index p, Index c) {
            to[p * channels + c] = from[p * channels + c] * spatial.gate(n, p);
        });
    }
};

template <class T>
struct SpatialBackward {
    static constexpr unsigned threads = 256;
    using Shared = NothingShared;

    SpatialStage<T> spatial;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block(), channels = spatial.channels,
                    image = n * spatial.positions() * channels;
        const T *from = x + image, *slope = dy + image;
        spatial.find_slopes(block, n, [=](Index p, Index c) {
            const Index i = p * channels + c;
            return from[i] * slope[i];
        });
        if (dx.data == nullptr) return;
        for_each_element(block, spatial.positions(), channels, [=, this](Index p, Index c) {
            const Index i = p * channels + c;
            dx.write(image + i, spatial.back(n, p, c, slope[i]));
        });
    }
};

}  // namespace gpu

template <class In, Index K, GridBackend Backend>
struct Kernel<SpatialAttention<In, K>, Backend> {
    using Op = SpatialAttention<In, K>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_bytes<Op, T>(count), gpu::SpatialStage<T>::template scratch_bytes<Op>(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto stage = gpu::SpatialStage<T>::of(call.op, call.params, saved_or_scratch(call, frame));
        ctx.launch(call.count(), gpu::SpatialForward<T>{stage, call.x.data(), call.y.data()});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto stage = gpu::SpatialStage<T>::of(call.op, call.params, call.saved);
        stage.take(frame, call.count());
        ctx.launch(call.count(),
                   gpu::SpatialBackward<T>{stage, call.x.data(), call.dy.data(), gpu::slopes_of(call.dx)});
        gpu::add_spatial_gradients(ctx, stage, call.dparams, call.count());
    }
};

}  // namespace daf
