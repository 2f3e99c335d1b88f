#pragma once
// A stand-in for the CUDA runtime, linked in its place, so that the host's side of the GPU backend runs with
// no GPU. Its device is this process: memory is heap memory that starts as NaNs, kernels run as fibers. It is
// stricter than a GPU:
//   nothing queued on a stream happens before somebody waits for it
//   AddressSanitizer lets the host touch device memory only through the runtime
//   streams run in any order that events allow, drawn from a seed
//   what is queued on a stream that records runs at the recording's launches alone; allocating, freeing and
//   waiting are refused meanwhile
//   memory that is freed is gone at once, though work that uses it may be queued: that finds NaNs there, and
//   to write there is a fault
//   copies outside of an allocation, launches that CUDA refuses and double frees are errors
#include <daf/gpu/launch.cuh>

#include "stand_in_kernels.hpp"

template <class Kernel>
void daf::gpu::tell_stand_in(const void* address) {
    daf_test::know_kernel(address, {sizeof(Kernel), Kernel::threads,
                                    [](daf_test::FiberGrid& grid, Index blocks, const void* kernel) {
                                        grid.launch(blocks, *static_cast<const Kernel*>(kernel));
                                    }});
}
