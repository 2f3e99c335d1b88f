// expect: include_kernel<daf::folder::gpu, daf::header::relu
// expect: (for folder::gpu: <daf/daf.cuh>)
// errors: 1
#include <daf/core/host_context.hpp>
#include <daf/gpu/grid.hpp>
#include <daf/ops/relu.hpp>
#ifndef DAF_FAIL
#include <daf/gpu/relu.hpp>
#endif

/// A backend of the kernels in gpu/ that needs no CUDA.
struct Grid : daf::HostContext {
    using Folder = daf::folder::gpu;
    template <class Kernel>
    void launch(daf::Index, const Kernel&) {}
};

using S = daf::Shape<8>;

void call(Grid& grid, daf::Batch<S, const float> x, daf::Batch<S, float> y) {
    daf::forward<daf::train>(grid, daf::Relu<S>{}, x, y);
}
