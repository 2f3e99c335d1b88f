// The functions of the CUDA runtime that gpu/ calls, and those that nvcc's code for kernels refers to.
// Streams, events and recordings are in stand_in_streams.cpp.
#include <cstring>
#include <utility>

#include "stand_in_device.hpp"

namespace daf_test {

void know_kernel(const void* address, const KnownKernel& kernel) {
    device().kernels[address] = kernel;
}
bool on_stand_ins() {
    return true;
}
const RuntimeFigures& runtime_figures() {
    return device().figures;
}
void queue_work(CUstream_st* stream, std::function<void()> work) {
    device().queue(stream, std::move(work));
}
bool in_device_memory(const void* at, std::size_t bytes) {
    return device().holds(at, bytes);
}
void break_next_launch() {
    device().break_next = true;
}
void order_streams(std::uint64_t seed) {
    device().seed_order(seed);
}
std::size_t free_memory() {
    return device().free_bytes();
}
std::size_t most_taken(const std::function<void()>& work) {
    const std::size_t before = device().peak = device().used_bytes();
    work();
    return device().peak - before;
}
StandInMachine& machine() {
    return device().machine;
}

}  // namespace daf_test

using daf_test::device;

extern "C" {

cudaError_t cudaGetDeviceCount(int* devices) {
    *devices = 0;
    const auto& machine = device().machine;
    if (machine.driver < CUDART_VERSION / 1000 * 1000) return device().fail(cudaErrorInsufficientDriver);
    if (machine.devices == 0) return device().fail(cudaErrorNoDevice);
    *devices = machine.devices;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
    *version = device().machine.driver;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    std::memset(properties, 0, sizeof *properties);
    std::strcpy(properties->name, "stand-in GPU");
    properties->major = device().machine.capability / 10;
    properties->minor = device().machine.capability % 10;
    return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, const void*) {
    const auto& machine = device().machine;
    if (machine.capability != machine.built_for) return device().fail(cudaErrorNoKernelImageForDevice);
    if (machine.code != 0) return device().fail(static_cast<cudaError_t>(machine.code));
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* all) {
    *free = device().free_bytes();
    *all = device().machine.memory;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) {
    return number < device().machine.devices ? cudaSuccess : device().fail(cudaErrorInvalidDevice);
}
cudaError_t cudaMalloc(void** at, std::size_t bytes) {
    return device().allocate(at, bytes);
}
cudaError_t cudaFree(void* at) {
    return device().free(at);
}
cudaError_t cudaMallocHost(void** at, std::size_t bytes) {
    return device().allocate_pinned(at, bytes);
}
cudaError_t cudaFreeHost(void* at) {
    return device().free_pinned(at);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    if (device().lost != cudaSuccess) return device().lost;
    const bool from_host = kind == cudaMemcpyHostToDevice, to_host = kind == cudaMemcpyDeviceToHost;
    if (!from_host && !to_host && kind != cudaMemcpyDeviceToDevice) {
        return device().fail(cudaErrorInvalidMemcpyDirection);
    }
    if ((!to_host && !device().holds(to, bytes)) || (!from_host && !device().holds(from, bytes))) {
        return device().fail(cudaErrorInvalidValue);
    }
    ++device().figures.copies;
    device().queue(stream, [=] {
        // A recording may run when its memory has gone.
        if ((!to_host && !device().holds(to, bytes)) || (!from_host && !device().holds(from, bytes))) {
            device().lost = cudaErrorIllegalAddress;
            return;
        }
        std::memcpy(to, from, bytes);
    });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    if (device().lost != cudaSuccess) return device().lost;
    if (!device().holds(to, bytes)) return device().fail(cudaErrorInvalidValue);
    device().queue(stream, [=] { std::memset(to, value, bytes); });
    return cudaSuccess;
}
cudaError_t cudaGetLastError() {
    return device().take_last_error();
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorInvalidConfiguration: return "invalid configuration argument";
        case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated:
            return "operation failed due to a previous error during capture";
        case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
        default: return "another error";
    }
}
cudaError_t cudaLaunchKernel(const void* address, dim3 blocks, dim3 threads, void** arguments, std::size_t,
                             cudaStream_t stream) {
    if (device().lost != cudaSuccess) return device().lost;
    const auto found = device().kernels.find(address);
    if (found == device().kernels.end()) return device().fail(cudaErrorInvalidDeviceFunction);
    const daf_test::KnownKernel kernel = found->second;
    if (blocks.x == 0 || blocks.y * blocks.z * threads.y * threads.z != 1 ||
        static_cast<daf_test::Index>(threads.x) != kernel.threads) {
        return device().fail(cudaErrorInvalidConfiguration);
    }
    ++device().figures.launches;
    // The argument is copied now, as CUDA does.
    const auto* bytes = static_cast<const std::byte*>(arguments[0]);
    const auto argument = std::make_shared<std::vector<std::byte>>(bytes, bytes + kernel.bytes);
    const bool breaks = std::exchange(device().break_next, false);
    device().queue(stream, [=] {
        if (breaks) {
            device().lost = cudaErrorIllegalAddress;
            return;
        }
        kernel.run(device().grid, blocks.x, argument->data());
    });
    return cudaSuccess;
}

// What nvcc writes into every unit with kernels refers to these.
// NOLINTBEGIN(bugprone-reserved-identifier)
void** __cudaRegisterFatBinary(void*) {
    static void* handle = nullptr;
    return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) {
    return 0;
}
void __cudaRegisterFunction(void**, const char*, char*, const char*, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {}
cudaError_t __cudaGetKernel(cudaKernel_t*, const void*) {
    return cudaErrorNotSupported;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, std::size_t, cudaStream_t) {
    return cudaErrorNotSupported;
}
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) {
    return cudaErrorNotSupported;
}
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, CUstream_st*) {
    return 1;
}
// NOLINTEND(bugprone-reserved-identifier)
}
