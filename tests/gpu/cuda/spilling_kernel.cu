// A test of the build: this kernel keeps an array in local memory, and our flags must refuse it.
__global__ void spilling_kernel(const int* order, float* values) {
    float kept[64];
    for (int i = 0; i < 64; ++i) kept[i] = values[i];
    for (int i = 0; i < 64; ++i) kept[order[i]] += kept[order[63 - i]];
    for (int i = 0; i < 64; ++i) values[i] = kept[i];
}
