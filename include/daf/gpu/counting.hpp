#pragma once
#include <daf/core/scratch.hpp>
#include <daf/gpu/class_centres.hpp>
#include <daf/gpu/column_sums.hpp>
#include <daf/ops/counting.hpp>

namespace daf {

namespace gpu {

/// into = how many i < count are hits. One block does it.
template <class Hit>
struct Count {
    static constexpr unsigned threads = 256;
    struct Shared {
        Index partial[threads / warp_size];
    };

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

/// A warp a sample at a time: partial[block] = how many of the block's samples are nearest to their own.
template <class T>
struct CountNearest {
    static constexpr unsigned threads = 64;
    struct Shared {
        Index partial[threads / warp_size];
    };

    const T* x;
    const Wide<T>* centres;
    const std::int32_t* labels;
    Index count, classes, features;
    Index* partial;

    static constexpr Index blocks(Index count) {
        constexpr Index warps = threads / warp_size;
        const Index wanted = (count + warps - 1) / warps;
        return wanted < most_blocks ? wanted : most_blocks;
    }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        Index mine = 0;
        const Index stride = block.blocks() * warps_of(block);
        for (Index i = block.block() * warps_of(block) + warp_of(block); i < count; i += stride) {
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
        if (block.thread() == 0) partial[block.block()] = all;
    }
};

struct KeepCount {
    Index* into;
    DAF_HOST_DEVICE void operator()(Index, Index sum) const { *into = sum; }
};

}  // namespace gpu

template <GridBackend Backend>
struct Kernel<Counting, Backend> {
    static constexpr Index nearest_scratch_bytes(Index count) {
        return scratch_size<Index>(gpu::CountNearest<float>::blocks(count));
    }

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
        auto frame = ctx.scratch();
        const Index blocks = gpu::CountNearest<T>::blocks(x.count());
        auto* partial = frame.template take<Index>(blocks);
        ctx.launch(blocks,
                   gpu::CountNearest<T>{x.data(), centres.data(), labels.data(), x.count(), K, D, partial});
        gpu::add_columns<Index>(ctx, blocks, 1, gpu::ColumnElement<Index>{partial, 1},
                                gpu::KeepCount{into.data()});
    }
};

}  // namespace daf
