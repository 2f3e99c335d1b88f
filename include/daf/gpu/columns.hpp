#pragma once
// How a block of threads goes over a row-major matrix: pixels by channels, inputs by outputs.
#include <daf/gpu/block.hpp>

namespace daf::gpu {

/// A block's threads laid over the columns of a row-major matrix: neighbours take neighbouring columns, and where there
/// are fewer columns than threads, the rest of the threads take further rows.
struct Columns {
    Index width;   // columns side by side
    Index parts;   // rows side by side
    Index column;  // this thread's
    Index part;    // its row; parts or more for a thread that has none

    template <BlockContext B>
    DAF_HOST_DEVICE Columns(const B& block, Index columns)
        : width(columns < block.threads() ? columns : block.threads()),
          parts(block.threads() / width),
          column(block.thread() % width),
          part(block.thread() / width) {}
};

}  // namespace daf::gpu
