#pragma once
// Kernels on a GPU: a block as CUDA gives it, and the one place that launches.
#include <cuda_runtime.h>

#include <daf/core/error.hpp>
#include <daf/gpu/block.hpp>
#include <string>

namespace daf {

/// The CUDA runtime refuses a call, or a kernel before it failed. The message holds the call and CUDA's
/// reason.
class CudaError : public Error {
  public:
    using Error::Error;
};

namespace gpu {

/// Throws CudaError unless `status` is success. `call` is what the message says was tried.
inline void check_cuda(cudaError_t status, const char* call) {
    if (status == cudaSuccess) return;
    static_cast<void>(cudaGetLastError());  // the next call starts clean, unless the context itself is lost
    throw CudaError(std::string("CUDA: ") + call + ": " + cudaGetErrorString(status));
}

/// A thread's view of its block on a GPU.
struct CudaBlock {
    __device__ Index thread() const { return threadIdx.x; }
    __device__ Index threads() const { return blockDim.x; }
    __device__ Index block() const { return blockIdx.x; }
    __device__ Index blocks() const { return gridDim.x; }
    __device__ void sync() const { __syncthreads(); }
    template <class T>
    __device__ T shuffle_xor(T value, unsigned mask) const {
        return __shfl_xor_sync(0xffffffffu, value, mask);
    }
};

/// How many blocks of a kernel a multiprocessor should hold, if it says so: registers are shared out by that.
/// 0 leaves it to the compiler.
template <class Kernel>
inline constexpr unsigned blocks_at_once = 0;
template <class Kernel>
requires(Kernel::blocks_at_once >
         0) inline constexpr unsigned blocks_at_once<Kernel> = Kernel::blocks_at_once;

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads, blocks_at_once<Kernel>) run_kernel(const Kernel kernel) {
    __shared__ typename Kernel::Shared shared;
    kernel(CudaBlock{}, shared);
}

#if defined(DAF_STAND_IN_RUNTIME)
/// The tests' stand-in for the CUDA runtime, whose device is the CPU, learns here what a kernel's address
/// stands for.
template <class Kernel>
void tell_stand_in(const void* address);
#endif

/// Queues kernel(block, shared) on every thread of `blocks` blocks.
template <class Kernel>
void launch(cudaStream_t stream, Index blocks, Kernel kernel) {
    static_assert(Kernel::threads % warp_size == 0 && Kernel::threads <= 1024,
                  "daf: a kernel's threads must be whole warps, at most 1024");
    static_assert(sizeof(typename Kernel::Shared) <= 49152, "daf: a block shares at most 48 KiB");
    const auto* address = reinterpret_cast<const void*>(&run_kernel<Kernel>);
#if defined(DAF_STAND_IN_RUNTIME)
    tell_stand_in<Kernel>(address);
#endif
    void* arguments[] = {&kernel};
    check_cuda(cudaLaunchKernel(address, dim3(static_cast<unsigned>(blocks)), dim3(Kernel::threads),
                                arguments, 0, stream),
               "cudaLaunchKernel");
}

}  // namespace gpu
}  // namespace daf
