#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/reduction.hpp>

namespace daf {

namespace gpu {

/// total = (the sum of y) / divisor. Each thread of the block adds the losses that stand `threads` apart, and
/// block_sum joins what they found: an order that the number of losses fixes.
template <class T>
struct Reduce {
    static constexpr unsigned threads = 256;
    struct Shared {
        double partial[threads / warp_size];
    };

    const T* y;
    double* total;
    Index count;
    double divisor;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        double sum = 0;
        for (Index i = block.thread(); i < count; i += block.threads()) sum += static_cast<double>(y[i]);
        const double all = block_sum(block, sum, shared.partial);
        if (block.thread() == 0) *total = all / divisor;
    }
};

template <class T>
struct Fill {
    T* to;
    T value;
    DAF_HOST_DEVICE void operator()(Index i) const { to[i] = value; }
};

}  // namespace gpu

template <GridBackend Backend>
struct Kernel<BatchReduction, Backend> {
    template <class T, class Space>
    static void reduce(Backend& ctx, Reduction reduction, Batch<Shape<1>, const T, Space> y,
                       View<Shape<1>, double, Space> total) {
        const double divisor = reduction == Reduction::mean ? static_cast<double>(y.count()) : 1;
        ctx.launch(1, gpu::Reduce<T>{y.data(), total.data(), y.count(), divisor});
    }

    template <class T, class Space>
    static void fill(Backend& ctx, Batch<Shape<1>, T, Space> dy, T weight) {
        gpu::for_each(ctx, dy.count(), gpu::Fill<T>{dy.data(), weight});
    }
};

}  // namespace daf
