#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/softmax_cross_entropy.hpp>

namespace daf {

namespace gpu {

/// A warp a sample, its lanes over the classes.
template <class T>
struct SoftmaxForward {
    static constexpr unsigned threads = 128;
    static constexpr Index samples = threads / warp_size;  // a block
    using Shared = NothingShared;

    const T* x;
    const std::int32_t* labels;
    Wide<T>* y;
    Wide<T>* probabilities;  // null in eval
    Index count, classes;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index n = block.block() * samples + warp_of(block);
        if (n >= count) return;  // the whole warp, and the block has no barrier
        const T* logits = x + n * classes;
        auto largest = static_cast<Wide<T>>(minus_infinity);
        for (Index k = lane_of(block); k < classes; k += warp_size) {
            if (logits[k] > largest) largest = logits[k];
        }
        for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) {
            const Wide<T> other = block.shuffle_xor(largest, mask);
            if (other > largest) largest = other;
        }
        double sum = 0;  // a NaN, which no comparison has seen, enters here
        for (Index k = lane_of(block); k < classes; k += warp_size) {
            const Wide<T> term = std::exp(logits[k] - largest);
            if (probabilities != nullptr) probabilities[n * classes + k] = term;
            sum += static_cast<double>(term);
        }
        sum = warp_sum(block, sum);
        if (lane_of(block) == 0) {
            const Index label = labels[n];
            const bool is_class = label >= 0 && label < classes;
            const double own = is_class ? static_cast<double>(logits[label]) : no_number;
            y[n] = static_cast<Wide<T>>(std::log(sum) - (own - static_cast<double>(largest)));
        }
        if (probabilities == nullptr) return;
        const auto scale = static_cast<Wide<T>>(1 / sum);
        for (Index k = lane_of(block); k < classes; k += warp_size) probabilities[n * classes + k] *= scale;
    }
};

template <class T>
struct SoftmaxBackward {
    const Wide<T>* probabilities;
    const Wide<T>* dy;
    const std::int32_t* labels;
    Slopes<T> dx;
    Index classes;

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index n = i / classes, k = i % classes;
        dx.write(i, dy[n] * (probabilities[i] - (k == labels[n] ? 1 : 0)));
    }
};

}  // namespace gpu

/// Labels in a GPU's memory are not checked before the launch: one that is no class gives a NaN loss.
template <class S, GridBackend Backend>
struct Kernel<SoftmaxCrossEntropy<S>, Backend> {
    using Op = SoftmaxCrossEntropy<S>;
    static constexpr Index K = S::size;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        using Forward = gpu::SoftmaxForward<T>;
        Wide<T>* probabilities = nullptr;
        if constexpr (M == Mode::train) probabilities = call.saved.probabilities.data();
        ctx.launch(
            (call.count() + Forward::samples - 1) / Forward::samples,
            Forward{call.x.data(), call.side.labels.data(), call.y.data(), probabilities, call.count(), K});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(ctx, call.count() * K,
                      gpu::SoftmaxBackward<T>{call.saved.probabilities.data(), call.dy.data(),
                                              call.side.labels.data(), gpu::slopes_of(call.dx), K});
    }
};

}  // namespace daf
