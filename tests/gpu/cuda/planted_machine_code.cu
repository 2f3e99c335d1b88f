// A test of check_machine_code: a kernel that moves its map one by one, one that waits for each load before
// the next, one that keeps an array in local memory.
__global__ void scalar_relu(const float* x, float* y) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i] < 0 ? 0 : x[i];
}

__global__ void loads_in_turn(const float4* x, float4* y, int size) {
#pragma unroll 4
    for (int i = 0; i < size; ++i) y[i] = x[i];  // a store may change what is loaded behind it
}

#include "spilling_kernel.cu"
