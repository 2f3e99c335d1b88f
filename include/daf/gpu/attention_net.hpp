#pragma once
// How a block of threads multiplies vectors of one image with the weights of channel attention's net. Every
// block reads all of them, so that what counts is how many are on their way at once.
#include <daf/gpu/attention_block.hpp>

namespace daf::gpu {

/// out(v, j, the sum over i of in(v, i) * weight[i][j]) for V vectors `in` and a (rows, columns) weight, of
/// which P neighbours are read at once; the threads' shares are added in double. Every thread has passed a
/// barrier when it returns.
template <Index P, Index V, BlockContext B, class T, std::size_t Rows, std::size_t Threads, class In,
          class Out>
DAF_HOST_DEVICE void column_products(const B& block, T (&partial)[Rows][Threads], Small rows, Small columns,
                                     const T* weight, const In& in, const Out& out) {
    static_assert(V * P <= Index{Rows});
    const Small packs = columns / Small{P};
    const Columns mine(block, packs);
    DAF_KEEP_LOOP
    for (Small first = 0; first < packs; first += mine.width) {
        const Small pack = first + mine.column;
        T sums[V][P]{};
        if (pack < packs && mine.part < mine.parts) {
            const T* of_pack = weight + pack * Small{P};
            for_each_read<4>(
                mine.part, rows, mine.parts,
                [&](Small i) { return load<P>(of_pack + static_cast<Index>(i) * columns); },
                [&](Small i, const Pack<T, P>& weights) {
                    for (Small v = 0; v < V; ++v) {
                        const T factor = in(v, i);
                        for (Index k = 0; k < P; ++k) sums[v][k] += factor * weights[k];
                    }
                });
        }
        for (Index v = 0; v < V; ++v) {
            for (Index k = 0; k < P; ++k) partial[v * P + k][block.thread()] = sums[v][k];
        }
        block.sync();
        const Small outputs = Small{V * P} * mine.width;
        DAF_KEEP_LOOP
        for (Small o = thread_of(block); o < outputs; o += threads_of(block)) {
            const Small which = o / mine.width, column = o % mine.width;
            if (first + column >= packs) continue;
            double total = 0;
            for_each_read<8>(
                0, mine.parts, 1, [&](Small part) { return partial[which][part * mine.width + column]; },
                [&](Small, T sum) { total += static_cast<double>(sum); });
            out(which / Small{P}, (first + column) * Small{P} + which % Small{P}, total);
        }
        block.sync();
    }
}

/// out(i, sums), on one thread a row: sums[v] that over j of weight[i][j] * in[v][j], for V vectors `in`, one
/// behind the other. Neighbouring threads share a row. Every thread has passed a barrier when it returns.
template <Index P, Index V, BlockContext B, class T, class Out>
DAF_HOST_DEVICE void row_products(const B& block, Small rows, Small columns, const T* weight, const T* in,
                                  const Out& out) {
    // As many threads a row as there are, but 4 at least, which read 64 bytes side by side.
    const auto threads = threads_of(block), thread = thread_of(block);
    Small sharing = 4;
    while (sharing < warp_size && 2 * sharing * rows <= threads) sharing *= 2;
    const Small rows_at_once = threads / sharing, mine = thread % sharing;
    const Small packs = columns / Small{P};
    DAF_KEEP_LOOP
    for (Small first = 0; first < rows; first += rows_at_once) {
        const Small row = first + thread / sharing;
        T sums[V]{};
        if (row < rows) {
            const T* of_row = weight + static_cast<Index>(row) * columns;
            for_each_read<4>(
                mine, packs, sharing, [&](Small pack) { return load<P>(of_row + pack * Small{P}); },
                [&](Small pack, const Pack<T, P>& weights) {
                    for (Index v = 0; v < V; ++v) {
                        const Pack<T, P> product = weights * load<P>(in + v * columns + pack * Small{P});
                        T of_pack = product[0];
                        for (Index k = 1; k < P; ++k) of_pack += product[k];
                        sums[v] += of_pack;
                    }
                });
        }
        for (Small mask = sharing / 2; mask > 0; mask /= 2) {
            for (Index v = 0; v < V; ++v) sums[v] += block.shuffle_xor(sums[v], static_cast<unsigned>(mask));
        }
        if (row < rows && mine == 0) out(row, sums);
    }
    block.sync();
}

}  // namespace daf::gpu
