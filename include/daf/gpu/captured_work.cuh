#pragma once
// Work that is recorded once and started by one call, however much it is.
#include <daf/gpu/launch.cuh>
#include <memory>

namespace daf::gpu {

/// What was queued on a stream while it was recorded, with the arguments that it had then.
class CapturedWork {
  public:
    /// Records what record() queues on `stream`; nothing of it runs. Throws CudaError where record() does
    /// what a recording cannot hold, as allocating or waiting, and what record() throws; the stream can be
    /// used again then.
    ///   While it lasts, such calls are refused to this thread alone (cudaStreamCaptureModeThreadLocal):
    ///   other threads may allocate for contexts of their own, and a library that allocates behind our back
    ///   is found out.
    template <class Record>
    CapturedWork(cudaStream_t stream, const Record& record) {
        check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                   "cudaStreamBeginCapture");
        try {
            record();
        } catch (...) {
            static_cast<void>(ended(stream));
            static_cast<void>(cudaGetLastError());
            throw;
        }
        cudaGraph_t graph = nullptr;
        check_cuda(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
        const Graph owner(graph);
        cudaGraphExec_t made = nullptr;
        check_cuda(cudaGraphInstantiate(&made, graph, 0), "cudaGraphInstantiate");
        raw_.reset(made);
    }

    /// Queues it.
    void launch(cudaStream_t stream) const {
        check_cuda(cudaGraphLaunch(raw_.get(), stream), "cudaGraphLaunch");
    }

  private:
    struct DestroyGraph {
        void operator()(cudaGraph_t graph) const { static_cast<void>(cudaGraphDestroy(graph)); }
    };
    using Graph = std::unique_ptr<CUgraph_st, DestroyGraph>;
    struct Destroy {
        void operator()(cudaGraphExec_t work) const { static_cast<void>(cudaGraphExecDestroy(work)); }
    };

    static Graph ended(cudaStream_t stream) {
        cudaGraph_t graph = nullptr;
        static_cast<void>(cudaStreamEndCapture(stream, &graph));
        return Graph(graph);
    }

    std::unique_ptr<CUgraphExec_st, Destroy> raw_;
};

}  // namespace daf::gpu
