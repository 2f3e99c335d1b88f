#pragma once
#include <daf/gpu/channel_gate.hpp>
#include <daf/gpu/spatial_gate.hpp>
#include <daf/ops/dual_attention.hpp>

namespace daf {

namespace gpu {

/// A block an image, both stages in one launch, W neighbouring channels at a time. The pass that applies the first gate
/// pools for the second.
template <class T, Index W>
struct DualForward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    using Shared = ChannelShared<Wide<T>, W, threads>;

    Arrangement arrangement;
    ChannelStage<Wide<T>> channel;
    SpatialStage<Wide<T>> spatial;
    const T* x;
    T* y;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T* from = x + image;
        T* to = y + image;
        const auto given = [=](Index p, Index c) { return load<W>(from + p * channels + c); };
        if (arrangement == Arrangement::spatial_first) {
            spatial.template find_gate<W>(block, n, given);
            channel.template find_gate<W>(
                block, shared, n, [=, this](Index p, Index c) { return given(p, c) * spatial.gate(n, p); });
        } else {
            const bool cascade = arrangement == Arrangement::channel_first;
            channel.template find_gate<W>(block, shared, n, given);
            spatial.template find_gate<W>(block, n, [=, this](Index p, Index c) {
                return cascade ? given(p, c) * channel.gate(n, c, Width<W>{}) : given(p, c);
            });
        }
        for_each_element<W>(block, channel.positions, channels, [=, this](Index p, Index c) {
            store(to + p * channels + c, given(p, c) * channel.gate(n, c, Width<W>{}) * spatial.gate(n, p));
        });
    }
};

/// The map between the two stages is computed again, not kept.
template <class T, Index W>
struct DualBackward {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    struct Shared {
        ColumnSum sums[W][threads];
    };

    Arrangement arrangement;
    ChannelStage<Wide<T>> channel;
    SpatialStage<Wide<T>> spatial;
    const T *x, *dy;
    Slopes<T> dx;  // null where it is not wanted

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index n = block.block(), channels = channel.channels, image = n * channel.positions * channels;
        const T *from = x + image, *outer = dy + image;
        const auto given = [=](Index p, Index c) { return load<W>(from + p * channels + c); };
        const auto slope = [=](Index p, Index c) { return load<W>(outer + p * channels + c); };
        const auto gated_slope = [=, this](Index p, Index c) { return slope(p, c) * spatial.gate(n, p); };
        const auto after_channel = [=, this](Index p, Index c) {
            return given(p, c) * channel.gate(n, c, Width<W>{});
        };
        if (arrangement == Arrangement::channel_first) {
            spatial.template find_slopes<W>(
                block, n, [=](Index p, Index c) { return after_channel(p, c) * slope(p, c); });
            channel.find_slopes(block, shared.sums, n, given,
                                [=, this](Index p, Index c) { return spatial.back(n, p, c, slope(p, c)); });
            write(block, n, [=, this](Index p, Index c) {
                return channel.back(n, p, c, spatial.back(n, p, c, slope(p, c)));
            });
        } else if (arrangement == Arrangement::spatial_first) {
            channel.find_slopes(block, shared.sums, n, given, gated_slope);
            spatial.template find_slopes<W>(block, n, [=, this](Index p, Index c) {
                return given(p, c) * channel.back(n, p, c, slope(p, c));
            });
            write(block, n, [=, this](Index p, Index c) {
                return spatial.back(n, p, c, channel.back(n, p, c, slope(p, c)));
            });
        } else {
            spatial.template find_slopes<W>(
                block, n, [=](Index p, Index c) { return after_channel(p, c) * slope(p, c); });
            channel.find_slopes(block, shared.sums, n, given, gated_slope);
            write(block, n, [=, this](Index p, Index c) {
                return channel.back(n, p, c, gated_slope(p, c)) + spatial.back(n, p, c, Pack<Wide<T>, W>{});
            });
        }
    }

  private:
    template <BlockContext B, class Slope>
    DAF_HOST_DEVICE void write(const B& block, Index n, const Slope& slope) const {
        if (dx.data == nullptr) return;
        const Index channels = channel.channels, image = n * channel.positions * channels;
        for_each_element<W>(block, channel.positions, channels,
                            [=, this](Index p, Index c) { dx.write(image + p * channels + c, slope(p, c)); });
    }
};

}  // namespace gpu

template <class In, Index Reduction, Index K, Arrangement A, Hidden H, GridBackend Backend>
struct Kernel<DualAttention<In, Reduction, K, A, H>, Backend> {
    using Op = DualAttention<In, Reduction, K, A, H>;
    using Channel = typename Op::Channel;
    using Spatial = typename Op::Spatial;

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return std::max(saved_bytes<Op, T>(count),
                        gpu::ChannelStage<Wide<T>>::template scratch_bytes<Channel>(count) +
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
        gpu::with_width<T, In::channels>(gpu::aligned(x, y), [&](auto width) {
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
        gpu::with_width<T, In::channels>(gpu::aligned(x, dy, dx.data), [&](auto width) {
            ctx.launch(call.count(), gpu::DualBackward<T, width()>{A, channel, spatial, x, dy, dx});
        });
        gpu::add_channel_gradients(ctx, channel, call.dparams, call.count());
        gpu::add_spatial_gradients(ctx, spatial, call.dparams, call.count());
    }
};

}  // namespace daf
