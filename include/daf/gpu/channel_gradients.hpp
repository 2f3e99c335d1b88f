#pragma once
// The gradients of channel attention's net, from the slopes of all images: two products, of a map's vectors
// with slopes, that run over the batch.
#include <daf/gpu/channel_gate.hpp>

namespace daf::gpu {

/// The net's gradients as one row of numbers: fc1.weight, fc2.weight, fc2.bias, fc1.bias. A batch is shared
/// out in chunks of at least 128 images, at most 64 of them; what chunks found is joined in their order.
struct ChannelGradientSize {
    Index channels, hidden_channels, count;

    DAF_HOST_DEVICE constexpr Index weights() const { return channels * hidden_channels; }
    DAF_HOST_DEVICE constexpr Index total() const { return 2 * weights() + channels + hidden_channels; }
    DAF_HOST_DEVICE constexpr Index chunks() const {
        const Index wanted = (count + 127) / 128;
        return wanted < 64 ? wanted : 64;
    }
    /// One chunk goes to the gradients themselves.
    constexpr Index scratch_bytes() const {
        return chunks() > 1 ? scratch_size<double>(chunks() * total()) : 0;
    }
};

template <class Op>
constexpr ChannelGradientSize channel_gradient_size(Index count) {
    return {Op::channels, Op::hidden_channels, count};
}

/// Adds to the gradients.
template <class T>
struct ChannelGradients {
    ChannelGradientSize size;
    T *fc1_weight, *fc1_bias, *fc2_weight, *fc2_bias;

    DAF_HOST_DEVICE void add(Index i, double sum) const {
        T* to = fc1_weight + i;
        if (i >= size.weights()) to = fc2_weight + (i - size.weights());
        if (i >= 2 * size.weights()) to = fc2_bias + (i - 2 * size.weights());
        if (i >= 2 * size.weights() + size.channels) to = fc1_bias + (i - 2 * size.weights() - size.channels);
        add_sum(*to, sum);
    }
};

/// A block a tile of 32 x 32 weights of either layer and a chunk of the batch. A layer's gradient is left^T
/// right, left what it was given and right the slopes of what it gave, both with a row for each time it was
/// used; the bias's is the sum of right. 16 terms are added in T, and these sums in double.
template <class T>
struct ChannelParameterSums {
    static constexpr unsigned threads = 256, blocks_at_once = 3;
    static constexpr std::int32_t tile = 32, depth = 32;
    struct Shared {
        alignas(16) T left[depth][tile], right[depth][tile];
    };

    ChannelStage<T> stage;
    ChannelGradients<T> to;
    double* partial;  // (chunks, total) or null for one chunk

    DAF_HOST_DEVICE static constexpr Index tiles(Index channels, Index hidden_channels) {
        return ((channels + tile - 1) / tile) * ((hidden_channels + tile - 1) / tile);
    }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index of_layer = tiles(stage.channels, stage.hidden_channels), chunks = to.size.chunks();
        Index which = block.block() / chunks;
        const bool first_layer = which < of_layer;
        if (!first_layer) which -= of_layer;
        const Index rows = first_layer ? stage.channels : stage.hidden_channels,
                    columns = first_layer ? stage.hidden_channels : stage.channels;
        const Index across = (columns + tile - 1) / tile;
        const Index row = which / across * tile, column = which % across * tile;
        const Index chunk = block.block() % chunks;
        // The first layer is used twice an image.
        const Index uses = first_layer ? 2 : 1;
        const Index begin = uses * (to.size.count * chunk / chunks),
                    end = uses * (to.size.count * (chunk + 1) / chunks);

        const auto thread = static_cast<std::int32_t>(block.thread());
        const std::int32_t below = 2 * (thread / (tile / 2)), beside = 2 * (thread % (tile / 2));
        const bool adds_bias = row == 0 && thread < tile;
        double totals[2][2]{}, bias = 0;
        constexpr std::int32_t mine = depth * tile / threads;  // numbers that a thread fetches of either
        T left[mine], right[mine];
        const auto fetch = [&](Index from) {
            for (std::int32_t i = 0; i < mine; ++i) {
                const Index k = from + thread / tile + i * std::int32_t{threads / tile}, r = thread % tile;
                left[i] = k < end && row + r < rows ? left_at(first_layer, k, row + r) : T(0);
                right[i] = k < end && column + r < columns ? right_at(first_layer, k, column + r) : T(0);
            }
        };
        fetch(begin);
        for (Index from = begin; from < end; from += depth) {
            for (std::int32_t i = 0; i < mine; ++i) {
                const std::int32_t k = thread / tile + i * std::int32_t{threads / tile};
                shared.left[k][thread % tile] = left[i];
                shared.right[k][thread % tile] = right[i];
            }
            block.sync();
            if (from + depth < end) fetch(from + depth);  // while what is here is multiplied
            for (std::int32_t half = 0; half < depth; half += 16) {
                T sums[2][2]{}, of_bias = 0;
                for (std::int32_t k = half; k < half + 16; ++k) {
                    const auto a = load<2>(&shared.left[k][below]), b = load<2>(&shared.right[k][beside]);
                    for (Index i = 0; i < 2; ++i) {
                        for (Index j = 0; j < 2; ++j) sums[i][j] += a[i] * b[j];
                    }
                    if (adds_bias) of_bias += shared.right[k][thread];
                }
                for (Index i = 0; i < 2; ++i) {
                    for (Index j = 0; j < 2; ++j) totals[i][j] += static_cast<double>(sums[i][j]);
                }
                bias += static_cast<double>(of_bias);
            }
            block.sync();
        }

        const Index weight = first_layer ? 0 : to.size.weights();
        for (Index i = 0; i < 2; ++i) {
            for (Index j = 0; j < 2; ++j) {
                const Index r = row + below + i, c = column + beside + j;
                if (r < rows && c < columns) put(chunk, weight + r * columns + c, totals[i][j]);
            }
        }
        if (adds_bias && column + thread < columns) {
            const Index at = 2 * to.size.weights() + (first_layer ? stage.channels : 0) + column + thread;
            put(chunk, at, first_layer ? bias : 2 * bias);  // fc2.bias counts once per net
        }
    }

  private:
    DAF_HOST_DEVICE T left_at(bool first_layer, Index k, Index r) const {
        if (first_layer) return stage.pools[k * stage.channels + r];
        const T* hidden = stage.hidden + 2 * k * stage.hidden_channels + r;
        return hidden[0] + hidden[stage.hidden_channels];
    }
    DAF_HOST_DEVICE T right_at(bool first_layer, Index k, Index c) const {
        return first_layer ? stage.du[k * stage.hidden_channels + c] : stage.da[k * stage.channels + c];
    }
    DAF_HOST_DEVICE void put(Index chunk, Index i, double sum) const {
        if (partial == nullptr) {
            to.add(i, sum);
        } else {
            partial[chunk * to.size.total() + i] = sum;
        }
    }
};

template <class T>
struct JoinChannelSums {
    ChannelGradients<T> to;
    const double* partial;

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index total = to.size.total(), chunks = to.size.chunks();
        double sum = 0;
        for (Index chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * total + i];
        to.add(i, sum);
    }
};

/// Takes ChannelGradientSize::scratch_bytes() from the context.
template <GridBackend Backend, class T, class Gradients>
void add_channel_gradients(Backend& ctx, const ChannelStage<T>& stage, const Gradients& to, Index count) {
    auto frame = ctx.scratch();
    const ChannelGradientSize size{stage.channels, stage.hidden_channels, count};
    const ChannelGradients<T> gradients{size, to.fc1_weight.data(), to.fc1_bias.data(), to.fc2_weight.data(),
                                        to.fc2_bias.data()};
    using Sums = ChannelParameterSums<T>;
    const Index chunks = size.chunks();
    double* partial = chunks > 1 ? frame.template take<double>(chunks * size.total()) : nullptr;
    ctx.launch(2 * Sums::tiles(size.channels, size.hidden_channels) * chunks,
               Sums{stage, gradients, partial});
    if (chunks > 1) for_each(ctx, size.total(), JoinChannelSums<T>{gradients, partial});
}

}  // namespace daf::gpu
