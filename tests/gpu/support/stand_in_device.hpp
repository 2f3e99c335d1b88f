#pragma once
// The device of the stand-in runtime: its memory, its streams, and in which order their work runs.
#include <cuda_runtime.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "fiber_grid.hpp"
#include "stand_in_kernels.hpp"

namespace daf_test {

/// A place in a stream's work: whether it has come to it.
using Ticket = std::shared_ptr<bool>;

/// What a stream does next, once `after` has come.
struct StreamWork {
    std::function<void()> run;
    Ticket after{};
};
using RecordedWork = std::vector<std::function<void()>>;

}  // namespace daf_test

struct CUstream_st {
    std::vector<daf_test::StreamWork> queue;
    /// While it records: what was queued since. Nothing of that runs.
    std::shared_ptr<daf_test::RecordedWork> recording{};
    bool recording_broken = false;
};
struct CUevent_st {
    daf_test::Ticket ticket{};  // of its last record; null: none yet
    bool timed = false;
    std::shared_ptr<std::chrono::steady_clock::time_point> when{};  // it came, if it is timed
};
struct CUgraph_st {
    std::shared_ptr<daf_test::RecordedWork> work;
};
struct CUgraphExec_st {
    std::shared_ptr<daf_test::RecordedWork> work;
};

namespace daf_test {

class StandInDevice {
  public:
    StandInDevice() = default;
    StandInDevice(const StandInDevice&) = delete;
    StandInDevice& operator=(const StandInDevice&) = delete;
    ~StandInDevice();

    RuntimeFigures figures;
    StandInMachine machine;
    std::map<const void*, KnownKernel> kernels;
    FiberGrid grid;
    std::size_t peak = 0;  // of used_bytes(), since somebody set it
    bool break_next = false;
    cudaError_t lost = cudaSuccess;  // after a kernel's fault nothing works any more

    cudaError_t fail(cudaError_t error) { return last_error_ = error; }
    cudaError_t take_last_error() { return std::exchange(last_error_, lost); }
    /// Success, unless it is lost, or a stream records, which such a call breaks.
    cudaError_t refuse_while_recording();

    // Memory.
    cudaError_t allocate(void** at, std::size_t bytes);
    cudaError_t free(void* at);
    cudaError_t allocate_pinned(void** at, std::size_t bytes);
    cudaError_t free_pinned(void* at);
    /// Whether [at, at + bytes) lies in one allocation.
    bool holds(const void* at, std::size_t bytes) const;
    std::size_t free_bytes() const;
    std::size_t used_bytes() const;

    // Streams.
    cudaStream_t add_stream();
    void remove_stream(cudaStream_t stream);
    /// In the stream's turn; or, while it records, at every launch of the recording.
    void queue(cudaStream_t stream, std::function<void()> work);
    /// Runs work of any stream, in an order drawn from the seed, until `stream` has none left.
    void run(cudaStream_t stream);
    /// The same until the ticket has come.
    void run_until(const Ticket& ticket);
    void seed_order(std::uint64_t seed) { order_.seed(seed); }

  private:
    /// Takes back what was freed, once nothing is queued that may use it. What was written there since is a
    /// fault.
    void forget_freed();
    template <class Done>
    void run_while_not(const Done& done);
    bool runs_one(CUstream_st& stream);

    cudaError_t last_error_ = cudaSuccess;
    std::map<std::byte*, std::size_t> memory_;
    std::map<std::byte*, std::size_t> freed_;  // NaNs until it is taken back
    std::vector<std::byte*> kept_;             // what it refused to take back; the process's end does
    std::map<void*, std::size_t> pinned_;
    std::vector<std::unique_ptr<CUstream_st>> streams_;
    std::mt19937_64 order_;
};

StandInDevice& device();

}  // namespace daf_test
