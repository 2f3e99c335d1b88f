#pragma once
// Eq 1-2 as a stage of a kernel in which a block works on one image, alone or beside the spatial stage
// (spatial_gate.hpp).
#include <daf/gpu/attention_block.hpp>
#include <daf/ops/channel_attention.hpp>

namespace daf::gpu {

/// A channel's average, times the positions seen, and its maximum.
template <class T>
struct ChannelPools {
    double sum;
    Found<T> largest;

    DAF_HOST_DEVICE static ChannelPools nothing() { return {0, {T(0), -1}}; }
    DAF_HOST_DEVICE void join(const ChannelPools& other) {
        sum += other.sum;
        if (is_larger(other.largest, largest)) largest = other.largest;
    }
};

/// What the threads of a block share in forward.
template <class T, Index W, unsigned Threads>
struct ChannelShared {
    ChannelPools<T> pools[W][Threads];
    double partial[Threads];
};

template <class T>
struct ChannelStage {
    Index positions, channels, hidden_channels;
    Hidden activation;
    const T *fc1_weight, *fc1_bias, *fc2_weight, *fc2_bias;
    // What forward saves, of all images.
    T *pools, *hidden, *gates;
    std::int32_t* argmaxes;
    // Backward's scratch, of all images.
    T* da = nullptr;  // (N, C): by what the outer sigmoid is given
    T* du = nullptr;  // (N, 2, C/r): by what the hidden activation is given
    T* dpools =
        nullptr;  // (N, 2, C): what the average adds to the slope of its every position, the maximum to its own

    template <class Op, class Params, class Saved>
    static ChannelStage of(Op, const Params& params, const Saved& saved) {
        return {Op::Input::area,
                Op::channels,
                Op::hidden_channels,
                Op::hidden,
                params.fc1_weight.data(),
                params.fc1_bias.data(),
                params.fc2_weight.data(),
                params.fc2_bias.data(),
                saved.channel_pools.data(),
                saved.hidden.data(),
                saved.channel_gate.data(),
                saved.channel_argmax.data()};
    }

    template <class Op>
    static constexpr Index scratch_bytes(Index count) {
        return scratch_size<T>(count * Op::channels) + scratch_size<T>(2 * count * Op::hidden_channels) +
               scratch_size<T>(2 * count * Op::channels);
    }
    template <class Frame>
    void take(Frame& frame, Index count) {
        da = frame.template take<T>(count * channels);
        du = frame.template take<T>(2 * count * hidden_channels);
        dpools = frame.template take<T>(2 * count * channels);
    }

    DAF_HOST_DEVICE T* pool_of(Index n, Index pool) const { return pools + (2 * n + pool) * channels; }
    DAF_HOST_DEVICE T* hidden_of(Index n, Index pool) const {
        return hidden + (2 * n + pool) * hidden_channels;
    }
    DAF_HOST_DEVICE T* du_of(Index n, Index pool) const { return du + (2 * n + pool) * hidden_channels; }
    DAF_HOST_DEVICE T* dpool_of(Index n, Index pool) const { return dpools + (2 * n + pool) * channels; }
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> gate(Index n, Index c, Width<W>) const {
        return load<W>(gates + n * channels + c);
    }

    /// Image n's gate from value(p, c), a pack of W: one pass for both pools.
    template <Index W, BlockContext B, unsigned Threads, class Value>
    DAF_HOST_DEVICE void find_gate(const B& block, ChannelShared<T, W, Threads>& shared, Index n,
                                   const Value& value) const {
        for_each_column<W>(
            block, shared.pools, positions, channels,
            [=](ChannelPools<T>* seen, Index p, Index c) {
                const Pack<T, W> pack = value(p, c);
                for (Index k = 0; k < W; ++k) {
                    seen[k].join({static_cast<double>(pack[k]), {pack[k], static_cast<std::int32_t>(p)}});
                }
            },
            [&](Index c, const ChannelPools<T>& of_channel) {
                pool_of(n, 0)[c] = static_cast<T>(of_channel.sum / static_cast<double>(positions));
                pool_of(n, 1)[c] = of_channel.largest.value;
                argmaxes[n * channels + c] = of_channel.largest.at;
            });
        for (Index pool = 0; pool < 2; ++pool) {
            const T* pooled = pool_of(n, pool);
            T* h = hidden_of(n, pool);
            column_products(
                block, shared.partial, channels, hidden_channels, fc1_weight,
                [=](Index c) { return pooled[c]; },
                [=, this](Index j, double sum) {
                    h[j] = activate(static_cast<T>(static_cast<double>(fc1_bias[j]) + sum));
                });
        }
        const T *of_average = hidden_of(n, 0), *of_maximum = hidden_of(n, 1);
        T* gate_of_image = gates + n * channels;
        column_products(
            block, shared.partial, hidden_channels, channels, fc2_weight,
            [=](Index j) { return of_average[j] + of_maximum[j]; },
            [=, this](Index c, double sum) {
                // The bias once per net.
                gate_of_image[c] = sigmoid(static_cast<T>(2 * static_cast<double>(fc2_bias[c]) + sum));
            });
    }

    /// Image n's slopes by the gate and by what leads to it, where the gate is multiplied with value(p, c), and
    /// slope(p, c) is the slope of their product, both packs of W.
    template <Index W, BlockContext B, std::size_t Threads, class Value, class Slope>
    DAF_HOST_DEVICE void find_slopes(const B& block, ColumnSum (&shared)[W][Threads], Index n,
                                     const Value& value, const Slope& slope) const {
        T* da_of_image = da + n * channels;
        for_each_column<W>(
            block, shared, positions, channels,
            [=](ColumnSum* dgates, Index p, Index c) {
                const Pack<T, W> product = value(p, c) * slope(p, c);
                for (Index k = 0; k < W; ++k) dgates[k].sum += static_cast<double>(product[k]);
            },
            [=, this](Index c, const ColumnSum& dgate) {
                const T gate = gates[n * channels + c];
                da_of_image[c] = static_cast<T>(dgate.sum) * gate * (T(1) - gate);
            });
        for_each_row_sum<1>(
            block, hidden_channels, channels,
            [=, this](Index j, Index c) { return Pack<T, 1>{fc2_weight[j * channels + c] * da_of_image[c]}; },
            [=, this](Index j, double dhidden) {
                for (Index pool = 0; pool < 2; ++pool) {
                    du_of(n, pool)[j] = static_cast<T>(dhidden) * activation_slope(hidden_of(n, pool)[j]);
                }
            });
        block.sync();
        for (Index pool = 0; pool < 2; ++pool) {
            const T* from = du_of(n, pool);
            T* to = dpool_of(n, pool);
            const double shared_by = pool == 0 ? static_cast<double>(positions) : 1;
            for_each_row_sum<1>(
                block, channels, hidden_channels,
                [=, this](Index c, Index j) {
                    return Pack<T, 1>{fc1_weight[c * hidden_channels + j] * from[j]};
                },
                [=](Index c, double sum) { to[c] = static_cast<T>(sum / shared_by); });
        }
        block.sync();
    }

    /// After find_slopes: the slope of what the stage was given, where that of what it gave is `slope`.
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> back(Index n, Index p, Index c, const Pack<T, W>& slope) const {
        const Pack<T, W> of_average = load<W>(dpool_of(n, 0) + c), of_maximum = load<W>(dpool_of(n, 1) + c);
        const Pack<std::int32_t, W> at = load<W>(argmaxes + n * channels + c);
        Pack<T, W> through_maximum;
        for (Index k = 0; k < W; ++k) through_maximum[k] = p == at[k] ? of_maximum[k] : T(0);
        return slope * gate(n, c, Width<W>{}) + of_average + through_maximum;
    }

  private:
    DAF_HOST_DEVICE T activate(T a) const {
        if (activation == Hidden::relu) return a < T(0) ? T(0) : a;
        return activation == Hidden::sigmoid ? sigmoid(a) : a;
    }
    DAF_HOST_DEVICE T activation_slope(T activated) const {
        if (activation == Hidden::relu) return activated > T(0) ? T(1) : T(0);
        return activation == Hidden::sigmoid ? activated * (T(1) - activated) : T(1);
    }
};

/// The net's gradients, from the slopes of all images: a thread owns an element and adds over the batch in its order.
template <class T>
struct ChannelParameterSums {
    ChannelStage<T> stage;
    T *fc1_weight, *fc1_bias, *fc2_weight, *fc2_bias;
    Index count;

    DAF_HOST_DEVICE Index weights() const { return stage.channels * stage.hidden_channels; }
    DAF_HOST_DEVICE Index size() const { return 2 * weights() + stage.channels + stage.hidden_channels; }

    DAF_HOST_DEVICE void operator()(Index i) const {
        if (i < weights()) {
            const Index c = i / stage.hidden_channels, j = i % stage.hidden_channels;
            add(fc1_weight[i], 2 * count, 1, [=, this](Index k) {
                return stage.pools[k * stage.channels + c] * stage.du[k * stage.hidden_channels + j];
            });
            return;
        }
        i -= weights();
        if (i < weights()) {
            const Index j = i / stage.channels, c = i % stage.channels;
            add(fc2_weight[i], count, 1, [=, this](Index n) {
                return (stage.hidden_of(n, 0)[j] + stage.hidden_of(n, 1)[j]) *
                       stage.da[n * stage.channels + c];
            });
            return;
        }
        i -= weights();
        if (i < stage.channels) {
            add(fc2_bias[i], count, 2, [=, this](Index n) { return stage.da[n * stage.channels + i]; });
            return;
        }
        i -= stage.channels;
        add(fc1_bias[i], 2 * count, 1,
            [=, this](Index k) { return stage.du[k * stage.hidden_channels + i]; });
    }

  private:
    template <class Term>
    DAF_HOST_DEVICE static void add(T& to, Index terms, double times, const Term& term) {
        double sum = 0;
        for (Index k = 0; k < terms; ++k) sum += static_cast<double>(term(k));
        to = static_cast<T>(static_cast<double>(to) + times * sum);
    }
};

template <GridBackend Backend, class T, class Gradients>
void add_channel_gradients(Backend& ctx, const ChannelStage<T>& stage, const Gradients& to, Index count) {
    const ChannelParameterSums<T> sums{
        stage, to.fc1_weight.data(), to.fc1_bias.data(), to.fc2_weight.data(), to.fc2_bias.data(), count};
    for_each(ctx, sums.size(), sums);
}

}  // namespace daf::gpu
