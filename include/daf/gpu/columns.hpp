#pragma once
// How a block of threads goes over a row-major matrix: pixels by channels, inputs by outputs.
#include <daf/gpu/block.hpp>

namespace daf::gpu {

/// A block's threads laid over the columns of a row-major matrix: neighbours take neighbouring columns, and
/// where there are fewer columns than threads, the rest of the threads take further rows.
struct Columns {
    // Small numbers: divisions and registers of 64 bits are dear on a GPU.
    std::int32_t width;   // columns side by side
    std::int32_t parts;   // rows side by side
    std::int32_t column;  // this thread's
    std::int32_t part;    // its row; parts or more for a thread that has none

    template <BlockContext B>
    DAF_HOST_DEVICE Columns(const B& block, Index columns)
        : width(static_cast<std::int32_t>(columns < block.threads() ? columns : block.threads())),
          parts(static_cast<std::int32_t>(block.threads()) / width),
          column(static_cast<std::int32_t>(block.thread()) % width),
          part(static_cast<std::int32_t>(block.thread()) / width) {}
};

/// How long rows of a block's numbers in shared memory are where neighbouring threads read neighbours of a
/// column, one from each of W rows: a little longer than `threads`, so that the rows begin in different
/// banks.
template <class T, Index W>
constexpr Index row_apart(Index threads) {
    constexpr Index all_banks = 128 / Index{sizeof(T)};
    return threads + all_banks / W;
}

}  // namespace daf::gpu
