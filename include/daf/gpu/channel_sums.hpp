#pragma once
// Sums over a batch of maps, one for each channel: the moments of batch normalisation, its gradients, a
// bias's gradient. A map is rows (pixels of all images) of `channels` elements. Rows are shared out in chunks
// whose number follows from the sizes alone; what chunks found is joined in a fixed order, so that the bits
// are the same every time.
#include <daf/core/scratch.hpp>
#include <daf/gpu/column_sums.hpp>

namespace daf::gpu {

/// How many rows there are, and in how many chunks they are added.
struct SumSize {
    Index rows, channels;

    /// About 4096 elements a chunk, but no more chunks than fill a GPU, and of wide maps fewer: what chunks
    /// found is written and read once more.
    constexpr Index chunks() const {
        const Index wanted = (rows * channels + 4095) / 4096,
                    of_channels = (131072 + channels - 1) / channels;
        const Index most = of_channels < 1024 ? of_channels : 1024;
        return wanted < most ? wanted : most;
    }
    constexpr Index scratch_bytes() const { return scratch_size<Terms>(chunks() * channels); }
};

/// A block a chunk. partial[chunk][channel] = what term.at(channel, width)(row, sums) adds for the chunk's
/// rows, W neighbouring channels at a time. A few rows are added in N, the type that is computed in, and
/// their sum in double: a GPU turns floats into doubles slowly, and so it has loads of several rows under
/// way.
template <class Term, class N, Index W>
struct SumChunks {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    static constexpr Index rows_at_once = 4;
    struct Shared {
        double first[W][row_apart<double, W>(threads)], second[W][row_apart<double, W>(threads)];
    };

    SumSize size;
    Term term;
    Terms* partial;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index packs = size.channels / W;
        const Columns mine(block, packs);
        const Index begin = size.rows * block.block() / block.blocks();
        const Index end = size.rows * (block.block() + 1) / block.blocks();
        for (Index left = 0; left < packs; left += mine.width) {
            Pack<Terms, W> sums{};
            if (left + mine.column < packs && mine.part < mine.parts) {
                const auto of_columns = term.at((left + mine.column) * W, Width<W>{});
                Index row = begin + mine.part;
                for (; row + (rows_at_once - 1) * mine.parts < end; row += rows_at_once * mine.parts) {
                    Pack<TermsOf<N>, W> of_rows{};
                    for (Index k = 0; k < rows_at_once; ++k) of_columns(row + k * mine.parts, of_rows);
                    for (Index k = 0; k < W; ++k) sums[k] += of_rows[k];
                }
                Pack<TermsOf<N>, W> of_rest{};
                for (; row < end; row += mine.parts) of_columns(row, of_rest);
                for (Index k = 0; k < W; ++k) sums[k] += of_rest[k];
            }
            for (Index k = 0; k < W; ++k) {
                shared.first[k][block.thread()] = sums[k].first;
                shared.second[k][block.thread()] = sums[k].second;
            }
            block.sync();
            // A thread a channel adds what the threads of its column found.
            for (Index i = block.thread(); i < mine.width * W; i += threads) {
                const Index column = i / W, k = i % W;
                if (left + column >= packs) break;
                Terms sum{};
                for (Index part = 0; part < mine.parts; ++part) {
                    const Index at = part * mine.width + column;
                    sum += Terms{shared.first[k][at], shared.second[k][at]};
                }
                partial[block.block() * size.channels + left * W + i] = sum;
            }
            block.sync();
        }
    }
};

/// finish(channel, the sum over all rows of what `term` adds). `wide` says whether what it reads is
/// aligned(). Takes size.scratch_bytes() from the context.
template <class T, GridBackend Backend, class Term, class Finish>
void sum_over_rows(Backend& ctx, SumSize size, bool wide, const Term& term, const Finish& finish) {
    auto frame = ctx.scratch();
    const Index chunks = size.chunks();
    auto* partial = frame.template take<Terms>(chunks * size.channels);
    if (wide && size.channels % widest<T> == 0) {
        ctx.launch(chunks, SumChunks<Term, Wide<T>, widest<T>>{size, term, partial});
    } else {
        ctx.launch(chunks, SumChunks<Term, Wide<T>, 1>{size, term, partial});
    }
    add_columns<Terms, 128>(ctx, chunks, size.channels, ColumnElement<Terms>{partial, size.channels}, finish);
}

template <class T>
struct ElementTerm {
    const T* data;
    Index channels;
    template <Index W>
    DAF_HOST_DEVICE auto at(Index channel, Width<W>) const {
        return [=, this](Index row, Pack<TermsOf<Wide<T>>, W>& sums) {
            const Pack<Wide<T>, W> pack = load<W>(data + row * channels + channel);
            for (Index k = 0; k < W; ++k) sums[k].first += pack[k];
        };
    }
};

template <class T>
struct AddFirst {
    T* to;
    DAF_HOST_DEVICE void operator()(Index channel, Terms sum) const { add_sum(to[channel], sum.first); }
};

/// dbias += the sum of dy's rows.
template <GridBackend Backend, class T>
void add_bias_gradient(Backend& ctx, SumSize size, const T* dy, Wide<T>* dbias) {
    sum_over_rows<T>(ctx, size, aligned(dy), ElementTerm<T>{dy, size.channels}, AddFirst<Wide<T>>{dbias});
}

}  // namespace daf::gpu
