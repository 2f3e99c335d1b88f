#pragma once
// Sums over a batch of maps, one for each channel: the moments of batch normalisation, its gradients, a bias's gradient. A
// map is rows (pixels of all images) of `channels` elements. Rows are shared out in chunks whose number follows from the
// sizes alone; what chunks found is joined in a fixed order, so that the bits are the same every time.
#include <daf/core/scratch.hpp>
#include <daf/gpu/columns.hpp>
#include <daf/gpu/grid.hpp>

namespace daf::gpu {

/// Two sums at once: one pass over the map feeds both.
struct Terms {
    double first, second;

    DAF_HOST_DEVICE Terms& operator+=(Terms more) {
        first += more.first;
        second += more.second;
        return *this;
    }
};

/// How many rows there are, and in how many chunks they are added.
struct SumSize {
    Index rows, channels;

    /// About 4096 elements a chunk, as long as that makes no more than 1024 of them.
    constexpr Index chunks() const {
        const Index wanted = (rows * channels + 4095) / 4096;
        return wanted < 1024 ? wanted : 1024;
    }
    constexpr Index scratch_bytes() const { return scratch_size<Terms>(chunks() * channels); }
};

/// A block a chunk. partial[chunk][channel] = the sum of term(row, channel) over the chunk's rows.
template <class Term>
struct SumChunks {
    static constexpr unsigned threads = 256;
    struct Shared {
        double first[threads], second[threads];
    };

    SumSize size;
    Term term;
    Terms* partial;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Columns mine(block, size.channels);
        const Index begin = size.rows * block.block() / block.blocks();
        const Index end = size.rows * (block.block() + 1) / block.blocks();
        for (Index left = 0; left < size.channels; left += mine.width) {
            const Index channel = left + mine.column;
            const bool counts = channel < size.channels && mine.part < mine.parts;
            Terms sum{0, 0};
            if (counts) {
                for (Index row = begin + mine.part; row < end; row += mine.parts) sum += term(row, channel);
            }
            shared.first[block.thread()] = sum.first;
            shared.second[block.thread()] = sum.second;
            block.sync();
            if (counts && mine.part == 0) {
                for (Index part = 1; part < mine.parts; ++part) {
                    const Index other = part * mine.width + mine.column;
                    sum += Terms{shared.first[other], shared.second[other]};
                }
                partial[block.block() * size.channels + channel] = sum;
            }
            block.sync();
        }
    }
};

/// finish(channel, the sum over all chunks), on one thread a channel: a warp a channel adds.
template <class Finish>
struct JoinChunks {
    static constexpr unsigned threads = 128;
    static constexpr Index channels_per_block = threads / warp_size;
    using Shared = NothingShared;

    Index chunks, channels;
    const Terms* partial;
    Finish finish;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index channel = block.block() * channels_per_block + warp_of(block);
        if (channel >= channels) return;  // the whole warp, and the block has no barrier
        Terms sum{0, 0};
        for (Index chunk = lane_of(block); chunk < chunks; chunk += warp_size) {
            sum += partial[chunk * channels + channel];
        }
        sum = {warp_sum(block, sum.first), warp_sum(block, sum.second)};
        if (lane_of(block) == 0) finish(channel, sum);
    }
};

/// finish(channel, the sum of term(row, channel) over all rows). Takes size.scratch_bytes() from the context.
template <GridBackend Backend, class Term, class Finish>
void sum_over_rows(Backend& ctx, SumSize size, const Term& term, const Finish& finish) {
    auto frame = ctx.scratch();
    const Index chunks = size.chunks();
    Terms* partial = frame.template take<Terms>(chunks * size.channels);
    ctx.launch(chunks, SumChunks<Term>{size, term, partial});
    using Join = JoinChunks<Finish>;
    constexpr Index per_block = Join::channels_per_block;
    ctx.launch((size.channels + per_block - 1) / per_block, Join{chunks, size.channels, partial, finish});
}

template <class T>
struct ElementTerm {
    const T* data;
    Index channels;
    DAF_HOST_DEVICE Terms operator()(Index row, Index channel) const {
        return {static_cast<double>(data[row * channels + channel]), 0};
    }
};

template <class T>
struct AddFirst {
    T* to;
    DAF_HOST_DEVICE void operator()(Index channel, Terms sum) const {
        to[channel] += static_cast<T>(sum.first);
    }
};

/// dbias += the sum of dy's rows.
template <GridBackend Backend, class T>
void add_bias_gradient(Backend& ctx, SumSize size, const T* dy, T* dbias) {
    sum_over_rows(ctx, size, ElementTerm<T>{dy, size.channels}, AddFirst<T>{dbias});
}

}  // namespace daf::gpu
