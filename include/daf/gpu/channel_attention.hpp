#pragma once
#include <daf/gpu/channel_gate.hpp>

namespace daf {

namespace gpu {

/// A block an image, W neighbouring channels at a time.
template <class T, Index W>
struct ChannelForward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    using Shared = ChannelShared<Wide<T>, W, threads>;

    ChannelStage<Wide<T>> channel;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T* from = x + image;
        T* to = y + image;
        const auto given = [=](Index p, Index c) { return load<W>(from + p * channels + c); };
        channel.template find_gate<W>(block, shared, n, given);
        for_each_element<W>(block, channel.positions, channels, [=, this](Index p, Index c) {
            store(to + p * channels + c, given(p, c) * channel.gate(n, c, Width<W>{}));
        });
    }
};

template <class T, Index W>
struct ChannelBackward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    struct Shared {
        ColumnSum sums[W][threads];
    };

    ChannelStage<Wide<T>> channel;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T *from = x + image, *outer = dy + image;
        const auto given = [=](Index p, Index c) { return load<W>(from + p * channels + c); };
        const auto slope = [=](Index p, Index c) { return load<W>(outer + p * channels + c); };
        channel.find_slopes(block, shared.sums, n, given, slope);
        if (dx.data == nullptr) return;
        for_each_element<W>(block, channel.positions, channels, [=, this](Index p, Index c) {
            dx.write(image + p * channels + c, channel.back(n, p, c, slope(p, c)));
        });
    }
};

}  // namespace gpu

template <class In, Index Reduction, Hidden H, GridBackend Backend>
struct Kernel<ChannelAttention<In, Reduction, H>, Backend> {
    using Op = ChannelAttention<In, Reduction, H>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_bytes<Op, T>(count),
                        gpu::ChannelStage<Wide<T>>::template scratch_bytes<Op>(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto stage =
            gpu::ChannelStage<Wide<T>>::of(call.op, call.params, saved_or_scratch(call, frame));
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::with_width<T, Op::channels>(gpu::aligned(x, y), [&](auto width) {
            ctx.launch(call.count(), gpu::ChannelForward<T, width()>{stage, x, y});
        });
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto stage = gpu::ChannelStage<Wide<T>>::of(call.op, call.params, call.saved);
        stage.take(frame, call.count());
        const T *x = call.x.data(), *dy = call.dy.data();
        const gpu::Slopes<T> dx = gpu::slopes_of(call.dx);
        gpu::with_width<T, Op::channels>(gpu::aligned(x, dy, dx.data), [&](auto width) {
            ctx.launch(call.count(), gpu::ChannelBackward<T, width()>{stage, x, dy, dx});
        });
        gpu::add_channel_gradients(ctx, stage, call.dparams, call.count());
    }
};

}  // namespace daf
