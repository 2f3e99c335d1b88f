#pragma once
// Streams, and what orders them.
#include <daf/gpu/launch.cuh>
#include <memory>

namespace daf::gpu {

/// Work that runs in the order in which it is queued, beside that of other streams. On the device that is
/// current when it is made.
class WorkStream {
  public:
    WorkStream() {
        cudaStream_t made = nullptr;
        check_cuda(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreate");
        raw_.reset(made);
    }
    cudaStream_t raw() const { return raw_.get(); }

  private:
    struct Destroy {
        void operator()(cudaStream_t stream) const { static_cast<void>(cudaStreamDestroy(stream)); }
    };
    std::unique_ptr<CUstream_st, Destroy> raw_;
};

/// A place in a stream's work that others can wait for.
class Event {
  public:
    Event() {
        cudaEvent_t made = nullptr;
        check_cuda(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreate");
        raw_.reset(made);
    }
    /// From here on the event is what `stream` has queued so far.
    void record(cudaStream_t stream) const {
        check_cuda(cudaEventRecord(raw_.get(), stream), "cudaEventRecord");
    }
    /// What is queued on `stream` from here on comes after the event. One that was never recorded holds
    /// nothing up.
    void hold_up(cudaStream_t stream) const {
        check_cuda(cudaStreamWaitEvent(stream, raw_.get(), 0), "cudaStreamWaitEvent");
    }
    /// Returns when it has come. Throws CudaError if something before it failed.
    void wait() const { check_cuda(cudaEventSynchronize(raw_.get()), "cudaEventSynchronize"); }

  private:
    struct Destroy {
        void operator()(cudaEvent_t event) const { static_cast<void>(cudaEventDestroy(event)); }
    };
    std::unique_ptr<CUevent_st, Destroy> raw_;
};

}  // namespace daf::gpu
