#pragma once
#include <daf/gpu/channel_gradients.hpp>
#include <daf/gpu/spatial_gate.hpp>
#include <daf/ops/dual_attention.hpp>

namespace daf {

namespace gpu {

/// A block an image, both stages in one launch, W neighbouring channels at a time. The pass that applies the
/// first gate pools for the second.
template <class T, Index W>
struct DualForward {
    static constexpr unsigned threads = image_threads, blocks_at_once = images_at_once<T>;
    using Shared = ImageShared<Wide<T>, W, ChannelPools<Wide<T>>>;

    Arrangement arrangement;
    ChannelStage<Wide<T>> channel;
    SpatialStage<Wide<T>> spatial;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Small channels = channel.channels;
        const Index n = block.block(), image = n * channel.positions * channels;
        const Image<const T> from{x + image, channels};
        const auto given = [=](Small p, Small c) { return from.template read<W>(p, c); };
        const auto as_given = [](Small, Small, const Pack<T, W>& at) { return widened(at); };
        const Wide<T>*by_channel, *by_position;
        if (arrangement == Arrangement::spatial_first) {
            by_position = spatial.template find_gate<W>(block, shared, n, given, as_given);
            by_channel = channel.template find_gate<W>(
                block, shared, n, given,
                [=](Small p, Small, const Pack<T, W>& at) { return widened(at) * by_position[p]; });
        } else {
            const bool cascade = arrangement == Arrangement::channel_first;
            by_channel = channel.template find_gate<W>(block, shared, n, given, as_given);
            by_position = spatial.template find_gate<W>(
                block, shared, n, given, [=](Small, Small c, const Pack<T, W>& at) {
                    return cascade ? widened(at) * load<W>(by_channel + c) : widened(at);
                });
        }
        write_map<4, W>(block, channel.positions, Image<T>{y + image, channels}, given,
                        [=](Small p, Small c, const Pack<T, W>& at) {
                            return widened(at) * load<W>(by_channel + c) * by_position[p];
                        });
    }
};

/// The map between the two stages is computed again, not kept.
template <class T, Index W>
struct DualBackward {
    static constexpr unsigned threads = image_threads, blocks_at_once = images_at_once<T>;
    using Shared = ImageShared<Wide<T>, W, ColumnSum<Wide<T>>>;

    Arrangement arrangement;
    ChannelStage<Wide<T>> channel;
    SpatialStage<Wide<T>> spatial;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Small channels = channel.channels;
        const Index n = block.block(), count = block.blocks(), image = n * channel.positions * channels;
        const Image<const T> from{x + image, channels}, outer{dy + image, channels};
        using Both = GivenAndSlope<T, W>;
        const auto slope = [=](Small p, Small c) { return outer.template read<W>(p, c); };
        const auto both = [=](Small p, Small c) { return Both{from.template read<W>(p, c), slope(p, c)}; };
        const auto gated = [=, this](Small p, const Pack<T, W>& of) {
            return widened(of) * spatial.gate(n, p);
        };
        const auto write = [&](const auto& value) {
            write_slopes<3, W>(block, channel.positions, channels, dx, image, slope, value);
        };
        if (arrangement == Arrangement::spatial_first) {
            const auto* of_channel = channel.template find_slopes<W>(
                block, shared, n, both,
                [=](Small p, Small, const Both& at) { return widened(at.x) * gated(p, at.dy); });
            const auto between = [=, this](Small p, Small c, const Pack<T, W>& at) {
                return channel.back(n, of_channel, p, c, widened(at));
            };
            const auto* of_position = spatial.template find_slopes<W>(
                block, shared, n, count, both,
                [=](Small p, Small c, const Both& at) { return widened(at.x) * between(p, c, at.dy); });
            write([=, this](Small p, Small c, const Pack<T, W>& at) {
                return spatial.back(n, of_position, p, c, between(p, c, at));
            });
            return;
        }
        const auto* of_position = spatial.template find_slopes<W>(
            block, shared, n, count, both, [=, this](Small, Small c, const Both& at) {
                return widened(at.x) * channel.gate(n, c, Width<W>{}) * widened(at.dy);
            });
        if (arrangement == Arrangement::channel_first) {
            const auto between = [=, this](Small p, Small c, const Pack<T, W>& at) {
                return spatial.back(n, of_position, p, c, widened(at));
            };
            const auto* of_channel = channel.template find_slopes<W>(
                block, shared, n, both,
                [=](Small p, Small c, const Both& at) { return widened(at.x) * between(p, c, at.dy); });
            write([=, this](Small p, Small c, const Pack<T, W>& at) {
                return channel.back(n, of_channel, p, c, between(p, c, at));
            });
        } else {
            const auto* of_channel = channel.template find_slopes<W>(
                block, shared, n, both,
                [=](Small p, Small, const Both& at) { return widened(at.x) * gated(p, at.dy); });
            write([=, this](Small p, Small c, const Pack<T, W>& at) {
                return channel.back(n, of_channel, p, c, gated(p, at)) +
                       spatial.back(n, of_position, p, c, Pack<Wide<T>, W>{});
            });
        }
    }
};

}  // namespace gpu

template <class In, Index Ratio, Index K, Arrangement A, Hidden H, GridBackend Backend>
struct Kernel<DualAttention<In, Ratio, K, A, H>, Backend> {
    using Op = DualAttention<In, Ratio, K, A, H>;
    using Channel = typename Op::Channel;
    using Spatial = typename Op::Spatial;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_scratch_size<Op, T>(count),
                        gpu::ChannelStage<Wide<T>>::template scratch_bytes<Channel>(count) +
                            gpu::channel_gradient_size<Channel>(count).scratch_bytes() +
                            gpu::SpatialStage<Wide<T>>::template scratch_bytes<Spatial>(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const auto saved = saved_or_scratch(call, frame);
        const auto channel = gpu::ChannelStage<Wide<T>>::of(Channel{}, call.params, saved);
        const auto spatial = gpu::SpatialStage<Wide<T>>::of(Spatial{}, call.params, saved);
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::with_image_width<Channel, T>(channel, gpu::aligned(x, y), [&](auto width) {
            ctx.launch(call.count(), gpu::DualForward<T, width()>{A, channel, spatial, x, y});
        });
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        auto channel = gpu::ChannelStage<Wide<T>>::of(Channel{}, call.params, call.saved);
        auto spatial = gpu::SpatialStage<Wide<T>>::of(Spatial{}, call.params, call.saved);
        channel.take(frame, call.count());
        spatial.take(frame, call.count());
        const T *x = call.x.data(), *dy = call.dy.data();
        const gpu::Slopes<T> dx = gpu::slopes_of(call.dx);
        gpu::with_image_width<Channel, T>(channel, gpu::aligned(x, dy, dx.data), [&](auto width) {
            ctx.launch(call.count(), gpu::DualBackward<T, width()>{A, channel, spatial, x, dy, dx});
        });
        gpu::add_channel_gradients(ctx, channel, call.dparams, call.count());
        gpu::add_spatial_gradients(ctx, spatial, call.dparams, call.count());
    }
};

}  // namespace daf
