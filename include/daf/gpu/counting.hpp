#pragma once
#include <daf/gpu/class_centres.hpp>
#include <daf/ops/counting.hpp>

namespace daf {

namespace gpu {

/// The threads of the one block that counts.
inline constexpr unsigned counting_threads = 256;
struct CountingShared {
    Index partial[counting_threads / warp_size];
};

/// into = how many i < count are hits.
template <class Hit>
struct Count {
    static constexpr unsigned threads = counting_threads;
    using Shared = CountingShared;

    Hit hit;
    Index count;
    Index* into;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        Index mine = 0;
        for (Index i = block.thread(); i < count; i += block.threads()) mine += hit(i) ? 1 : 0;
        const Index all = block_sum(block, mine, shared.partial);
        if (block.thread() == 0) *into = all;
    }
};

template <class T>
struct IsPositive {
    const T* y;
    DAF_HOST_DEVICE bool operator()(Index i) const { return y[i] > T(0); }
};

template <class T>
struct HasLargest {
    const T* x;
    const std::int32_t* labels;
    Index classes;

    DAF_HOST_DEVICE bool operator()(Index i) const { return is_largest(x + i * classes, classes, labels[i]); }
};

/// A warp a sample at a time.
template <class T>
struct CountNearest {
    static constexpr unsigned threads = counting_threads, blocks_at_once = 1;  // there is one
    using Shared = CountingShared;

    const T* x;
    const Wide<T>* centres;
    const std::int32_t* labels;
    Index count, classes, features;
    Index* into;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        Index mine = 0;
        for (Index i = warp_of(block); i < count; i += warps_of(block)) {
            Index nearest = 0;
            double least = 0;
            bool numbers = true;
            for (Index j = 0; j < classes; ++j) {
                const double distance =
                    half_squared_distance(block, x + i * features, centres + j * features, features);
                numbers = numbers && distance == distance;
                if (j > 0 && !(distance < least)) continue;
                nearest = j;
                least = distance;
            }
            mine += lane_of(block) == 0 && numbers && labels[i] == nearest ? 1 : 0;
        }
        const Index all = block_sum(block, mine, shared.partial);
        if (block.thread() == 0) *into = all;
    }
};

}  // namespace gpu

template <GridBackend Backend>
struct Kernel<Counting, Backend> {
    template <class T, class Space>
    static void positive(Backend& ctx, Batch<Shape<1>, const T, Space> y, View<Shape<1>, Index, Space> into) {
        using Hit = gpu::IsPositive<T>;
        ctx.launch(1, gpu::Count<Hit>{Hit{y.data()}, y.count(), into.data()});
    }

    template <class S, class T, class Space>
    static void largest(Backend& ctx, Batch<S, const T, Space> x, Labels<Space> labels,
                        View<Shape<1>, Index, Space> into) {
        using Hit = gpu::HasLargest<T>;
        ctx.launch(1, gpu::Count<Hit>{Hit{x.data(), labels.data(), S::size}, x.count(), into.data()});
    }

    template <class S, Index K, Index D, class T, class Space>
    static void nearest(Backend& ctx, Batch<S, const T, Space> x,
                        View<Shape<K, D>, const Wide<T>, Space> centres, Labels<Space> labels,
                        View<Shape<1>, Index, Space> into) {
        ctx.launch(
            1, gpu::CountNearest<T>{x.data(), centres.data(), labels.data(), x.count(), K, D, into.data()});
    }
};

}  // namespace daf
