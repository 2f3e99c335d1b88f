#pragma once
#include <daf/gpu/channel_gradients.hpp>

namespace daf {

namespace gpu {

/// A block an image, W neighbouring channels at a time.
template <class T, Index W>
struct ChannelForward {
    static constexpr unsigned threads = image_threads, blocks_at_once = images_at_once<T>;
    using Shared = ImageShared<Wide<T>, W, ChannelPools<Wide<T>>>;

    ChannelStage<Wide<T>> channel;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Small channels = channel.channels;
        const Index n = block.block(), image = n * channel.positions * channels;
        const Image<const T> from{x + image, channels};
        const auto given = [=](Small p, Small c) { return from.template read<W>(p, c); };
        const auto* gate = channel.template find_gate<W>(
            block, shared, n, given, [](Small, Small, const Pack<T, W>& at) { return widened(at); });
        write_map<4, W>(
            block, channel.positions, Image<T>{y + image, channels}, given,
            [=](Small, Small c, const Pack<T, W>& at) { return widened(at) * load<W>(gate + c); });
    }
};

template <class T, Index W>
struct ChannelBackward {
    static constexpr unsigned threads = image_threads, blocks_at_once = images_at_once<T>;
    using Shared = ImageShared<Wide<T>, W, ColumnSum<Wide<T>>>;

    ChannelStage<Wide<T>> channel;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Small channels = channel.channels;
        const Index n = block.block(), image = n * channel.positions * channels;
        const Image<const T> from{x + image, channels}, outer{dy + image, channels};
        const auto slope = [=](Small p, Small c) { return outer.template read<W>(p, c); };
        const auto both = [=](Small p, Small c) {
            return GivenAndSlope<T, W>{from.template read<W>(p, c), slope(p, c)};
        };
        const auto* dpools = channel.template find_slopes<W>(
            block, shared, n, both,
            [](Small, Small, const GivenAndSlope<T, W>& at) { return widened(at.x) * widened(at.dy); });
        write_slopes<4, W>(block, channel.positions, channels, dx, image, slope,
                           [=, this](Small p, Small c, const Pack<T, W>& at) {
                               return channel.back(n, dpools, p, c, widened(at));
                           });
    }
};

}  // namespace gpu

template <class In, Index Ratio, Hidden H, GridBackend Backend>
struct Kernel<ChannelAttention<In, Ratio, H>, Backend> {
    using Op = ChannelAttention<In, Ratio, H>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_scratch_size<Op, T>(count),
                        gpu::ChannelStage<Wide<T>>::template scratch_bytes<Op>(count) +
                            gpu::channel_gradient_size<Op>(count).scratch_bytes());
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto stage =
            gpu::ChannelStage<Wide<T>>::of(call.op, call.params, saved_or_scratch(call, frame));
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::with_image_width<Op, T>(stage, gpu::aligned(x, y), [&](auto width) {
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
        gpu::with_image_width<Op, T>(stage, gpu::aligned(x, dy, dx.data), [&](auto width) {
            ctx.launch(call.count(), gpu::ChannelBackward<T, width()>{stage, x, dy, dx});
        });
        gpu::add_channel_gradients(ctx, stage, call.dparams, call.count());
    }
};

}  // namespace daf
