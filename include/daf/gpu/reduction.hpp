#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/reduction.hpp>

namespace daf {

namespace gpu {

/// total = scale * (the sum of y), added in the batch's order: the block loads a piece of it at once, and one
/// thread adds.
template <class T>
struct Reduce {
    static constexpr unsigned threads = 256;
    struct Shared {
        T piece[threads];
    };

    const T* y;
    double* total;
    Index count;
    double divisor;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        double sum = 0;
        for (Index first = 0; first < count; first += block.threads()) {
            const Index left = count - first, size = left < block.threads() ? left : block.threads();
            if (block.thread() < size) shared.piece[block.thread()] = y[first + block.thread()];
            block.sync();
            if (block.thread() == 0) {
                for (Index i = 0; i < size; ++i) sum += static_cast<double>(shared.piece[i]);
            }
            block.sync();
        }
        if (block.thread() == 0) *total = sum / divisor;
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
