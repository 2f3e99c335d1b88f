#pragma once
// Which GPUs there are, and whether this program can use them: every reason why not has a message of its own.
#include <daf/gpu/grid.hpp>
#include <daf/gpu/launch.cuh>
#include <initializer_list>

namespace daf::gpu {

/// "8.0": a compute capability as NVIDIA writes it.
inline std::string capability_text(int major, int minor) {
    return std::to_string(major) + "." + std::to_string(minor);
}

/// "8.0, 9.0": what nvcc compiled this file for.
inline std::string built_capabilities() {
    std::string text;
    for (const int architecture : {__CUDA_ARCH_LIST__}) {
        if (!text.empty()) text += ", ";
        text += capability_text(architecture / 100, architecture / 10 % 10);
    }
    return text;
}

/// A kernel to ask about.
struct DoNothing {
    DAF_HOST_DEVICE void operator()(Index) const {}
};

/// "NVIDIA H200 (compute capability 9.0)".
inline std::string device_text(int device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    return std::string(properties.name) + " (compute capability " +
           capability_text(properties.major, properties.minor) + ")";
}

inline void check_driver() {
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status == cudaErrorInsufficientDriver) {
        static_cast<void>(cudaGetLastError());
        int driver = 0;
        static_cast<void>(cudaDriverGetVersion(&driver));
        const auto version = [](int number) {
            return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
        };
        throw CudaError("CUDA: " +
                        (driver == 0 ? std::string("no driver for NVIDIA's GPUs is installed")
                                     : "the driver knows CUDA " + version(driver) + " at the most") +
                        ", and this program needs one for CUDA " + version(CUDART_VERSION / 1000 * 1000) +
                        " or later: install it from nvidia.com/drivers");
    }
    if (status == cudaErrorNoDevice) {
        static_cast<void>(cudaGetLastError());
        throw CudaError(
            "CUDA: the driver finds no GPU in this machine: see what nvidia-smi lists, and that "
            "CUDA_VISIBLE_DEVICES does not hide it");
    }
    check_cuda(status, "cudaGetDeviceCount");
}

inline void check_number(int device) {
    int devices = 0;
    check_cuda(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
    if (device >= 0 && device < devices) return;
    throw CudaError("CUDA: there is no device " + std::to_string(device) + ": expected 0 to " +
                    std::to_string(devices - 1));
}

/// Whether the program holds code for the current device.
inline void check_code(int device) {
    cudaFuncAttributes attributes{};
    const cudaError_t status =
        cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&run_kernel<ForEach<DoNothing>>));
    if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
        static_cast<void>(cudaGetLastError());
        throw CudaError("CUDA: device " + std::to_string(device) + " is a " + device_text(device) +
                        ", but this program was built for " + built_capabilities() +
                        ": build it with CMAKE_CUDA_ARCHITECTURES set to the device's");
    }
    if (status == cudaErrorUnsupportedPtxVersion || status == cudaErrorInvalidPtx) {
        static_cast<void>(cudaGetLastError());
        throw CudaError("CUDA: device " + std::to_string(device) + " is a " + device_text(device) +
                        ", whose driver is older than the toolkit that this program was built with and "
                        "cannot compile its PTX: update the driver, or build with "
                        "CMAKE_CUDA_ARCHITECTURES set to the device's");
    }
    check_cuda(status, "cudaFuncGetAttributes");
}

/// Makes a device current that this program can run on, and returns its number. Throws CudaError, which says
/// what is in the way: driver, number or compute capability.
inline int usable(int device) {
    check_driver();
    check_number(device);
    check_cuda(cudaSetDevice(device), "cudaSetDevice");
    check_code(device);
    return device;
}

/// All of the current device's memory, in bytes.
inline Index device_memory() {
    std::size_t free = 0, all = 0;
    check_cuda(cudaMemGetInfo(&free, &all), "cudaMemGetInfo");
    return static_cast<Index>(all);
}

/// Throws CudaError unless the current device has `bytes` free. `what` is what they are for.
inline void require_free(Index bytes, const std::string& what) {
    std::size_t free = 0, all = 0;
    check_cuda(cudaMemGetInfo(&free, &all), "cudaMemGetInfo");
    if (static_cast<std::size_t>(bytes) <= free) return;
    // Free bytes are rounded down, others up: what is refused reads as too much.
    const auto megabytes = [](std::size_t b) { return std::to_string(b / 1000000) + " MB"; };
    const auto needed = static_cast<std::size_t>(bytes);
    throw CudaError("CUDA: " + what + " needs " + megabytes(needed + 999999) + " of the GPU's memory, but " +
                    megabytes(free) + " of its " + megabytes(all + 999999) +
                    " are free: take a smaller batch or network, or end what else runs there");
}

}  // namespace daf::gpu
