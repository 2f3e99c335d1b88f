#pragma once
// The one word of CUDA outside gpu/: for every other compiler it is nothing.

/// Marks a function that runs on the CPU and in a GPU's kernels.
#if defined(__CUDACC__)
#define DAF_HOST_DEVICE __host__ __device__
#else
#define DAF_HOST_DEVICE
#endif
