// The functions of the CUDA runtime that gpu/ calls, and those that nvcc's code for kernels refers to.
#include <cuda_runtime.h>
#include <sanitizer/asan_interface.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fiber_grid.hpp"
#include "stand_in_kernels.hpp"

struct CUstream_st {
    std::vector<std::function<void()>> queue;
};

namespace daf_test {
namespace {

constexpr std::size_t all_memory = std::size_t{1} << 32;

class Device {
  public:
    RuntimeFigures figures;
    std::map<const void*, KnownKernel> kernels;
    std::vector<cudaStream_t> streams;
    FiberGrid grid;
    bool break_next = false;

    cudaError_t fail(cudaError_t error) { return last_error = error; }
    cudaError_t last_error = cudaSuccess;
    cudaError_t lost = cudaSuccess;  // after a kernel's fault nothing works any more

    cudaError_t allocate(void** at, std::size_t bytes) {
        if (lost != cudaSuccess) return lost;
        if (bytes > all_memory) return fail(cudaErrorMemoryAllocation);
        *at = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
        std::memset(*at, 0xFF, bytes);
        memory_[static_cast<std::byte*>(*at)] = bytes;
        ++figures.allocations;
        close(*at, bytes);
        return cudaSuccess;
    }
    cudaError_t free(void* at) {
        if (at == nullptr) return cudaSuccess;
        run_all();
        const auto found = memory_.find(static_cast<std::byte*>(at));
        if (found == memory_.end()) return fail(cudaErrorInvalidValue);
        open(at, found->second);
        memory_.erase(found);
        std::free(at);
        --figures.allocations;
        return cudaSuccess;
    }
    /// Whether [at, at + bytes) lies in one allocation.
    bool holds(const void* at, std::size_t bytes) const {
        const auto* address = static_cast<const std::byte*>(at);
        auto found = memory_.upper_bound(const_cast<std::byte*>(address));
        if (found == memory_.begin()) return false;
        --found;
        return address + bytes <= found->first + found->second;
    }
    /// What a stream has queued, with the device's memory open.
    void run(cudaStream_t stream) {
        for (const auto& [at, bytes] : memory_) open(at, bytes);
        for (const auto& work : std::exchange(stream->queue, {})) {
            if (lost == cudaSuccess) work();
        }
        for (const auto& [at, bytes] : memory_) close(at, bytes);
    }
    void run_all() {
        for (const cudaStream_t stream : streams) run(stream);
    }

  private:
    static void open([[maybe_unused]] void* at, [[maybe_unused]] std::size_t bytes) {
        ASAN_UNPOISON_MEMORY_REGION(at, bytes);
    }
    static void close([[maybe_unused]] void* at, [[maybe_unused]] std::size_t bytes) {
        ASAN_POISON_MEMORY_REGION(at, bytes);
    }
    std::map<std::byte*, std::size_t> memory_;
};

Device& device() {
    static Device only;
    return only;
}

}  // namespace

void know_kernel(const void* address, const KnownKernel& kernel) {
    device().kernels[address] = kernel;
}
const RuntimeFigures& runtime_figures() {
    return device().figures;
}
void queue_work(CUstream_st* stream, std::function<void()> work) {
    stream->queue.push_back(std::move(work));
}
bool in_device_memory(const void* at, std::size_t bytes) {
    return device().holds(at, bytes);
}
void break_next_launch() {
    device().break_next = true;
}

}  // namespace daf_test

using daf_test::device;

extern "C" {

cudaError_t cudaSetDevice(int number) {
    return number == 0 ? cudaSuccess : device().fail(cudaErrorInvalidDevice);
}
cudaError_t cudaMalloc(void** at, std::size_t bytes) {
    return device().allocate(at, bytes);
}
cudaError_t cudaFree(void* at) {
    return device().free(at);
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
    stream->queue.emplace_back([=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    if (device().lost != cudaSuccess) return device().lost;
    if (!device().holds(to, bytes)) return device().fail(cudaErrorInvalidValue);
    stream->queue.emplace_back([=] { std::memset(to, value, bytes); });
    return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = new CUstream_st;
    device().streams.push_back(*stream);
    ++device().figures.streams;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    device().run(stream);
    std::erase(device().streams, stream);
    delete stream;
    --device().figures.streams;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    ++device().figures.waits;
    device().run(stream);
    return device().lost;
}
cudaError_t cudaGetLastError() {
    return std::exchange(device().last_error, device().lost);
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorInvalidConfiguration: return "invalid configuration argument";
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
    stream->queue.emplace_back([=] {
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
