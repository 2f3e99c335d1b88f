#pragma once
// How a block of threads goes over one image of an attention operator: positions by channels, and small products with
// the weights of its net.
#include <algorithm>
#include <cmath>
#include <daf/core/scratch.hpp>
#include <daf/gpu/columns.hpp>
#include <daf/gpu/grid.hpp>

namespace daf::gpu {

template <class T>
DAF_HOST_DEVICE T sigmoid(T a) {
    return T(1) / (T(1) + std::exp(-a));
}

/// body(row, column) for every pack of W elements, neighbouring threads on neighbouring packs.
template <Index W, BlockContext B, class Body>
DAF_HOST_DEVICE void for_each_element(const B& block, Index rows, Index columns, const Body& body) {
    const Columns mine(block, columns / W);
    if (mine.part >= mine.parts) return;
    for (Index j = mine.column; j < columns / W; j += mine.width) {
        for (Index i = mine.part; i < rows; i += mine.parts) body(i, j * W);
    }
}

/// out(j, the sum over i of in(i) * weight[i][j], in double) for a (rows, columns) weight. `partial` has room for one
/// number a thread. Every thread has passed a barrier when it returns.
template <BlockContext B, class T, class In, class Out>
DAF_HOST_DEVICE void column_products(const B& block, double* partial, Index rows, Index columns,
                                     const T* weight, const In& in, const Out& out) {
    const Columns mine(block, columns);
    for (Index first = 0; first < columns; first += mine.width) {
        const Index j = first + mine.column;
        T sum = 0;
        if (j < columns && mine.part < mine.parts) {
            for (Index i = mine.part; i < rows; i += mine.parts) sum += in(i)*weight[i * columns + j];
        }
        partial[block.thread()] = sum;
        block.sync();
        if (j < columns && mine.part == 0) {
            double total = 0;
            for (Index part = 0; part < mine.parts; ++part) total += partial[part * mine.width + mine.column];
            out(j, total);
        }
        block.sync();
    }
}

/// body(row, sum) on one thread a row, sum that of value(row, column), a pack of W, over all columns, in double: a warp
/// a row.
template <Index W, BlockContext B, class Value, class Body>
DAF_HOST_DEVICE void for_each_row_sum(const B& block, Index rows, Index columns, const Value& value,
                                      const Body& body) {
    for (Index i = warp_of(block); i < rows; i += warps_of(block)) {
        double sum = 0;
        for (Index j = lane_of(block) * W; j < columns; j += warp_size * W) {
            const auto pack = value(i, j);
            for (Index k = 0; k < W; ++k) sum += static_cast<double>(pack[k]);
        }
        sum = warp_sum(block, sum);
        if (lane_of(block) == 0) body(i, sum);
    }
}

/// What a thread finds in the rows of a column that it sees.
struct ColumnSum {
    double sum;

    DAF_HOST_DEVICE static ColumnSum nothing() { return {0}; }
    DAF_HOST_DEVICE void join(const ColumnSum& other) { sum += other.sum; }
};

/// out(column, figure) on one thread a column: what take(figures, row, column) made of all rows, W neighbouring columns at a
/// time. Threads that share columns join their figures in the order of the threads. Every thread has passed a barrier
/// when it returns.
template <Index W, BlockContext B, class Figure, std::size_t Threads, class Take, class Out>
DAF_HOST_DEVICE void for_each_column(const B& block, Figure (&shared)[W][Threads], Index rows, Index columns,
                                     const Take& take, const Out& out) {
    const Index packs = columns / W;
    const Columns mine(block, packs);
    for (Index left = 0; left < packs; left += mine.width) {
        const Index pack = left + mine.column;
        const bool counts = pack < packs && mine.part < mine.parts;
        Figure figures[W];
        for (Index k = 0; k < W; ++k) figures[k] = Figure::nothing();
        if (counts) {
            for (Index row = mine.part; row < rows; row += mine.parts) take(figures, row, pack * W);
        }
        for (Index k = 0; k < W; ++k) shared[k][block.thread()] = figures[k];
        block.sync();
        if (counts && mine.part == 0) {
            for (Index k = 0; k < W; ++k) {
                for (std::int32_t other = mine.column + mine.width; other < mine.width * mine.parts;
                     other += mine.width)
                    figures[k].join(shared[k][other]);
                out(pack * W + k, figures[k]);
            }
        }
        block.sync();
    }
}

}  // namespace daf::gpu
