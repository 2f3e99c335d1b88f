#pragma once
// What the stand-in for the CUDA runtime knows of kernels, and what its tests may ask of it.
#include <functional>

#include "fiber_grid.hpp"

struct CUstream_st;

namespace daf_test {

struct KnownKernel {
    std::size_t bytes;
    Index threads;
    void (*run)(FiberGrid& grid, Index blocks, const void* kernel);
};
void know_kernel(const void* address, const KnownKernel& kernel);

/// What the stand-in has seen.
struct RuntimeFigures {
    std::size_t allocations = 0, streams = 0;  // alive
    std::size_t launches = 0, copies = 0, waits = 0;
};
const RuntimeFigures& runtime_figures();

/// Work that a stream runs in its turn, with the device's memory open to it.
void queue_work(CUstream_st* stream, std::function<void()> work);
/// Whether [at, at + bytes) lies in one allocation of the device.
bool in_device_memory(const void* at, std::size_t bytes);

/// The next launch fails when it runs, as a kernel does that reads a wild address.
void break_next_launch();

}  // namespace daf_test
