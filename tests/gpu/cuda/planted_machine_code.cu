// A test of check_machine_code: a kernel that moves its map one by one, one that keeps an array in local
// memory.
__global__ void scalar_relu(const float* x, float* y) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i] < 0 ? 0 : x[i];
}

#include "spilling_kernel.cu"
