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

/// Whether kernels run as fibers here. The tests' objects are the same ones on a device.
bool on_stand_ins();

/// What the stand-in has seen.
struct RuntimeFigures {
    std::size_t allocations = 0, pinned = 0, streams = 0, recordings = 0;  // alive
    std::size_t launches = 0, copies = 0, waits = 0, event_waits = 0, recordings_launched = 0;
};
const RuntimeFigures& runtime_figures();

/// The machine that the stand-in plays.
struct StandInMachine {
    int driver = 13000;  // as cudaDriverGetVersion gives it; 0: none
    int devices = 1;
    int capability = 80, built_for = 80;
    int code = 0;  // what it says of a program's code beside that: a cudaError_t
    std::size_t memory = std::size_t{1} << 32;
    std::size_t elsewhere = 0;  // of that, in the hands of other programs
};
StandInMachine& machine();

/// Bytes of its memory that nobody has taken.
std::size_t free_memory();
/// The most bytes that `work` holds at once, beside those that are taken already.
std::size_t most_taken(const std::function<void()>& work);

/// In which order streams go on with what no event orders.
void order_streams(std::uint64_t seed);

/// Work that a stream runs in its turn, with the device's memory open to it.
void queue_work(CUstream_st* stream, std::function<void()> work);
/// Whether [at, at + bytes) lies in one allocation of the device.
bool in_device_memory(const void* at, std::size_t bytes);

/// The next launch fails when it runs, as a kernel does that reads a wild address.
void break_next_launch();

}  // namespace daf_test
