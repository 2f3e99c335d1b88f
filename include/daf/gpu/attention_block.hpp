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

/// body(row, column) for every element, neighbouring threads on neighbouring columns.
template <BlockContext B, class Body>
DAF_HOST_DEVICE void for_each_element(const B& block, Index rows, Index columns, const Body& body) {
    const Columns mine(block, columns);
    if (mine.part >= mine.parts) return;
    for (Index j = mine.column; j < columns; j += mine.width) {
        for (Index i = mine.part; i < rows; i += mine.parts) body(i, j);
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

/// body(row, sum) on one thread a row, sum that of value(row, column) over all columns, in double: a warp a row.
template <BlockContext B, class Value, class Body>
DAF_HOST_DEVICE void for_each_row_sum(const B& block, Index rows, Index columns, const Value& value,
                                      const Body& body) {
    for (Index i = warp_of(block); i < rows; i += warps_of(block)) {
        double sum = 0;
        for (Index j = lane_of(block); j < columns; j += warp_size) sum += static_cast<double>(value(i, j));
        sum = warp_sum(block, sum);
        if (lane_of(block) == 0) body(i, sum);
    }
}

}  // namespace daf::gpu
