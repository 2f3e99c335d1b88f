#pragma once
// Eq 1-2 as a stage of a kernel where a block works on one image, alone or beside that of spatial_gate.hpp.
#include <daf/gpu/attention_net.hpp>
#include <daf/ops/channel_attention.hpp>

namespace daf::gpu {

/// A channel's average, times the positions seen, and its maximum.
template <class T>
struct ChannelPools {
    T sum;
    LargestSoFar<T> largest;

    DAF_HOST_DEVICE static ChannelPools before(Small first) { return {T(0), LargestSoFar<T>::before(first)}; }
    DAF_HOST_DEVICE void see(T value, Small p) { largest.see(value, p); }
    DAF_HOST_DEVICE void join(const ChannelPools& other) { largest.join(other.largest); }
};

template <class T>
struct ChannelStage {
    Small positions, channels, hidden_channels;
    Hidden activation;
    const T *fc1_weight, *fc1_bias, *fc2_weight, *fc2_bias;
    // What forward saves, of all images.
    T *pools, *hidden, *gates;
    std::int32_t* argmaxes;
    // Backward's scratch, of all images.
    T* da = nullptr;      // (N, C): by what the outer sigmoid is given
    T* du = nullptr;      // (N, 2, C/r): by what the hidden activation is given
    T* dpools = nullptr;  // (N, 2, C): what the average adds to the slope of its every position, the maximum
                          // to its own

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

    /// What the stage keeps of an image while a block works on it: two pools or their slopes, the hidden
    /// vectors or theirs, the gate or its slope.
    DAF_HOST_DEVICE static constexpr Small kept(Small channels, Small hidden_channels) {
        return 3 * channels + 2 * hidden_channels;
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

    /// Where a block keeps vectors of the image that it works on: in shared memory if they fit, else where
    /// forward saves them and in backward's scratch.
    struct Vectors {
        T *gate, *pools, *hidden;
    };
    template <class Shared>
    DAF_HOST_DEVICE bool fits(const Shared&) const {
        return kept(channels, hidden_channels) <= Shared::channel_room;
    }
    template <class Shared>
    DAF_HOST_DEVICE Vectors forward_vectors(Shared& shared, Index n) const {
        if (fits(shared)) return {shared.channel, shared.channel + channels, shared.channel + 3 * channels};
        return {gates + n * channels, pools + 2 * n * channels, hidden + 2 * n * hidden_channels};
    }
    /// Their slopes, `gate` that of what the outer sigmoid is given.
    template <class Shared>
    DAF_HOST_DEVICE Vectors backward_vectors(Shared& shared, Index n) const {
        if (fits(shared)) return {shared.channel, shared.channel + channels, shared.channel + 3 * channels};
        return {da + n * channels, dpools + 2 * n * channels, du + 2 * n * hidden_channels};
    }

    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> gate(Index n, Small c, Width<W>) const {
        return load<W>(gates + n * channels + c);
    }

    /// Image n's gate from value(p, c, read(p, c)), a pack of W: one pass for both pools. Returns where the
    /// block keeps it.
    template <Index W, BlockContext B, class Shared, class Read, class Value>
    DAF_HOST_DEVICE const T* find_gate(const B& block, Shared& shared, Index n, const Read& read,
                                       const Value& value) const {
        const Vectors here = forward_vectors(shared, n);
        T *pools_of_image = pools + 2 * n * channels, *hidden_of_image = hidden + 2 * n * hidden_channels,
          *gate_of_image = gates + n * channels;
        for_each_column<4>(block, shared.figures, positions, channels, read, value,
                           [=, this](Small c, double sum, const ChannelPools<T>& pooled) {
                               const T average = static_cast<T>(sum / static_cast<double>(positions));
                               here.pools[c] = pools_of_image[c] = average;
                               here.pools[channels + c] = pools_of_image[channels + c] = pooled.largest.value;
                               argmaxes[n * channels + c] = pooled.largest.at;
                           });
        constexpr Index width = weight_width<T, W>;
        column_products<width, 2>(
            block, shared.partial, channels, hidden_channels, fc1_weight,
            [=, this](Small pool, Small c) { return here.pools[pool * channels + c]; },
            [=, this](Small pool, Small j, double sum) {
                const Small at = pool * hidden_channels + j;
                here.hidden[at] = hidden_of_image[at] =
                    activate(static_cast<T>(static_cast<double>(fc1_bias[j]) + sum));
            });
        column_products<width, 1>(
            block, shared.partial, hidden_channels, channels, fc2_weight,
            [=, this](Small, Small j) { return here.hidden[j] + here.hidden[hidden_channels + j]; },
            [=, this](Small, Small c, double sum) {
                // The bias once per net.
                here.gate[c] = gate_of_image[c] =
                    sigmoid(static_cast<T>(2 * static_cast<double>(fc2_bias[c]) + sum));
            });
        return here.gate;
    }

    /// Image n's slopes by the gate and by what leads to it, where product(p, c, read(p, c)), a pack of W,
    /// summed over the positions, is the gate's. Returns where the block keeps those of the pools: what the
    /// average adds to the slope of its every position, and the maximum to its own.
    template <Index W, BlockContext B, class Shared, class Read, class Product>
    DAF_HOST_DEVICE const T* find_slopes(const B& block, Shared& shared, Index n, const Read& read,
                                         const Product& product) const {
        const Vectors here = backward_vectors(shared, n);
        const T *gate_of_image = gates + n * channels, *hidden_of_image = hidden + 2 * n * hidden_channels;
        T *da_of_image = da + n * channels, *du_of_image = du + 2 * n * hidden_channels;
        for_each_column<2>(block, shared.figures, positions, channels, read, product,
                           [=](Small c, double dgate, const ColumnSum<T>&) {
                               const T gate = gate_of_image[c];
                               here.gate[c] = da_of_image[c] = static_cast<T>(dgate) * gate * (T(1) - gate);
                           });
        constexpr Index width = weight_width<T, W>;
        row_products<width, 1>(block, hidden_channels, channels, fc2_weight, here.gate,
                               [=, this](Small j, const T(&dhidden)[1]) {
                                   for (Small pool = 0; pool < 2; ++pool) {
                                       const Small at = pool * hidden_channels + j;
                                       here.hidden[at] = du_of_image[at] =
                                           dhidden[0] * activation_slope(hidden_of_image[at]);
                                   }
                               });
        row_products<width, 2>(block, channels, hidden_channels, fc1_weight, here.hidden,
                               [=, this](Small c, const T(&sums)[2]) {
                                   here.pools[c] = sums[0] / static_cast<T>(positions);
                                   here.pools[channels + c] = sums[1];
                               });
        return here.pools;
    }

    /// The slope of what the stage was given, where that of what it gave is `slope`, and find_slopes returned
    /// dpools.
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> back(Index n, const T* dpools_of_image, Small p, Small c,
                                    const Pack<T, W>& slope) const {
        const Pack<T, W> of_average = load<W>(dpools_of_image + c),
                         of_maximum = load<W>(dpools_of_image + channels + c);
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

/// with_width for a kernel that reads the net's weights as it reads the map. Op is ChannelAttention.
template <class Op, class T, class Body>
void with_image_width(const ChannelStage<Wide<T>>& stage, bool wide, const Body& body) {
    if constexpr (Op::hidden_channels % widest<Wide<T>> == 0) {
        with_width<T, Op::channels>(wide && aligned(stage.fc1_weight, stage.fc2_weight), body);
    } else {
        body(Width<1>{});
    }
}

}  // namespace daf::gpu
