#pragma once
// A backend whose kernels are those of daf/gpu, run as fibers on the CPU, in host memory.
#include <daf/core/host_context.hpp>
#include <daf/gpu/grid.hpp>

#include "fiber_grid.hpp"
#include "plain_convolution.hpp"

namespace daf_test {

/// The fibers of the program: ThreadSanitizer makes each of them dear.
inline FiberGrid& program_grid() {
    static FiberGrid grid;
    return grid;
}

class HostGpu : public daf::HostContext {
  public:
    using Folder = daf::folder::gpu;
    static constexpr bool has_bf16 = true;

    /// The order in which fibers and blocks take turns follows from the seed.
    explicit HostGpu(std::uint64_t seed = 1) { program_grid().seed(seed); }

    template <class Kernel>
    void launch(Index blocks, const Kernel& kernel) {
        program_grid().launch(blocks, kernel);
    }

    template <class T>
    Index convolution_bytes(const daf::gpu::ConvolutionTask& task) const {
        return daf::scratch_size<double>(result_size(task));
    }
    /// Not for an even number of channels, so that what is done instead is run in bf16 too.
    template <class T>
    bool fuses(const daf::gpu::ConvolutionTask& task) const {
        return task.size.channels % 2 == 1;
    }
    template <class T>
    void convolve(const daf::gpu::ConvolutionTask& task, const daf::gpu::ConvolutionOperands<T>& operands) {
        auto frame = scratch();
        plain_convolution(task, operands, frame.take<double>(result_size(task)));
    }
};

}  // namespace daf_test
