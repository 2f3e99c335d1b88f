#pragma once
#include <daf/gpu/channel_gate.hpp>

namespace daf {

namespace gpu {

/// A block an image.
template <class T>
struct ChannelForward {
    static constexpr unsigned threads = 256;
    struct Shared {
        double partial[threads];
    };

    ChannelStage<T> channel;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T* from = x + image;
        T* to = y + image;
        channel.find_gate(block, shared.partial, n, [=](Index p, Index c) { return from[p * channels + c]; });
        for_each_element(block, channel.positions, channels, [=, this](Index p, Index c) {
            to[p * channels + c] = from[p * channels + c] * channel.gate(n, c);
        });
    }
};

template <class T>
struct ChannelBackward {
    static constexpr unsigned threads = 256;
    using Shared = NothingShared;

    ChannelStage<T> channel;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T *from = x + image, *slope = dy + image;
        channel.find_slopes(
            block, n, [=](Index p, Index c) { return from[p * channels + c]; },
            [=](Index p, Index c) { return slope[p * channels + c]; });
        if (dx.data == nullptr) return;
        for_each_element(block, channel.positions, channels, [=, this](Index p, Index c) {
            const Index i = p * channels + c;
            dx.write(image + i, channel.back(n, p, c, slope[i]));
        });
    }
};

}  // namespace gpu

template <class In, Index Reduction, Hidden H, GridBackend Backend>
struct Kernel<ChannelAttention<In, Reduction, H>, Backend> {
    using Op = ChannelAttention<In, Reduction, H>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_bytes<Op, T>(count), gpu::ChannelStage<T>::template scratch_bytes<Op>(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto stage = gpu::ChannelStage<T>::of(call.op, call.params, saved_or_scratch(call, frame));
        ctx.launch(call.count(), gpu::ChannelForward<T>{stage, call.x.data(), call.y.data()});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto stage = gpu::ChannelStage<T>::of(call.op, call.params, call.saved);
        stage.take(frame, call.count());
        ctx.launch(call.count(),
                   gpu::ChannelBackward<T>{stage, call.x.data(), call.dy.data(), gpu::slopes_of(call.dx)});
        gpu::add_channel_gradients(ctx, stage, call.dparams, call.count());
    }
};

}  // namespace daf
