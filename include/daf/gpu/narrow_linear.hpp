#pragma once
// Linear layers of a few features, as a classifier's last one is: products too narrow for tensor cores. On an
// H100 cuDNN's engine for 7 features took 140 us for what takes 4 here.
#include <daf/gpu/column_sums.hpp>

namespace daf::gpu {

constexpr bool is_narrow(Index features) {
    return features <= 16;
}

/// y (N, Features) = x (N, inputs) * weight (inputs, Features) + bias: a warp a sample, W inputs a lane.
template <class T, Index Features, Index W>
struct NarrowForward {
    using Number = Wide<T>;
    static constexpr unsigned threads = 128;
    static constexpr Index samples_per_block = threads / warp_size;
    using Shared = NothingShared;

    Index count, inputs;  // inputs: a multiple of W
    const T* x;
    const Number *weight, *bias;
    T* y;

    constexpr Index blocks() const { return (count + samples_per_block - 1) / samples_per_block; }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block() * samples_per_block + warp_of(block);
        if (n >= count) return;  // the whole warp, and the block has no barrier
        Number sums[Features] = {};
        for (Index i = lane_of(block) * W; i < inputs; i += warp_size * W) {
            const Pack<Number, W> some = load<W>(x + n * inputs + i);
            for (Index k = 0; k < W; ++k) {
                for (Index f = 0; f < Features; ++f) sums[f] += some[k] * weight[(i + k) * Features + f];
            }
        }
        for (Index f = 0; f < Features; ++f) {
            const double sum = warp_sum(block, static_cast<double>(sums[f]));
            if (lane_of(block) == 0) y[n * Features + f] = static_cast<T>(sum + static_cast<double>(bias[f]));
        }
    }
};

/// dx = or += dy * transposed weight.
template <class T, Index Features>
struct NarrowDataGradient {
    Index inputs;
    const T* dy;
    const Wide<T>* weight;
    Slopes<T> dx;

    DAF_HOST_DEVICE void operator()(Index k) const {
        const Index n = k / inputs, i = k % inputs;
        Wide<T> sum = 0;
        for (Index f = 0; f < Features; ++f)
            sum += static_cast<Wide<T>>(dy[n * Features + f]) * weight[i * Features + f];
        dx.write(k, sum);
    }
};

/// A sample's term of the weight's gradient, (inputs, Features), and behind it of the bias's.
template <class T, Index Features>
struct NarrowGradientTerm {
    Index inputs;
    const T *x, *dy;

    DAF_HOST_DEVICE double operator()(Index n, Index column) const {
        const Index i = column / Features, f = column % Features;
        const auto slope = static_cast<Wide<T>>(dy[n * Features + f]);
        return static_cast<double>(i < inputs ? static_cast<Wide<T>>(x[n * inputs + i]) * slope : slope);
    }
};
template <class T>
struct AddNarrowGradient {
    Index weights;
    T *dweight, *dbias;
    DAF_HOST_DEVICE void operator()(Index column, double sum) const {
        add_sum(column < weights ? dweight[column] : dbias[column - weights], sum);
    }
};

template <class T, Index Inputs, Index Features>
struct NarrowLinear {
    using Number = Wide<T>;

    template <GridBackend Backend>
    static void forward(Backend& ctx, const T* x, const Number* weight, const Number* bias, T* y,
                        Index count) {
        with_width<T, Inputs>(aligned(x), [&](auto width) {
            const NarrowForward<T, Features, width()> product{count, Inputs, x, weight, bias, y};
            ctx.launch(product.blocks(), product);
        });
    }
    /// dx: null where it is not wanted. dweight and dbias are added to.
    template <GridBackend Backend>
    static void backward(Backend& ctx, const T* x, const Number* weight, const T* dy, Slopes<T> dx,
                         Number* dweight, Number* dbias, Index count) {
        constexpr Index weights = Inputs * Features;
        add_columns<double>(ctx, count, weights + Features, NarrowGradientTerm<T, Features>{Inputs, x, dy},
                            AddNarrowGradient<Number>{weights, dweight, dbias});
        if (dx.data == nullptr) return;
        for_each(ctx, count * Inputs, NarrowDataGradient<T, Features>{Inputs, dy, weight, dx});
    }
};

}  // namespace daf::gpu
