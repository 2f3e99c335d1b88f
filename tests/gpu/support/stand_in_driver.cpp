// A stand-in for the CUDA driver's library, under its name. cuDNN makes plans with no device, but for those
// that it compiles itself it wants the driver to take the code. This one takes it, and has no device.
#include <cstdint>

namespace {

constexpr int success = 0, no_device = 100;

int new_handle(void** handle) {
    static std::uintptr_t last = 0x1000;
    last += 16;
    *handle = reinterpret_cast<void*>(last);  // NOLINT(performance-no-int-to-ptr): nobody looks behind it
    return success;
}

}  // namespace

extern "C" {

int cuLibraryLoadData(void** library, const void*) {
    return new_handle(library);
}
int cuLibraryGetKernel(void** kernel, void*, const char*) {
    return new_handle(kernel);
}
int cuLibraryUnload(void*) {
    return success;
}
int cuInit(unsigned) {
    return no_device;
}
int cuGetErrorString(int error, const char** text) {
    *text = error == success ? "no error" : "the tests' driver has no device";
    return success;
}
int cuGetErrorName(int error, const char** name) {
    *name = error == success ? "CUDA_SUCCESS" : "CUDA_ERROR_NO_DEVICE";
    return success;
}

// These must be there; making a plan calls none of them.
#define DAF_TEST_NO_DEVICE(function) \
    int function() {                 \
        return no_device;            \
    }
DAF_TEST_NO_DEVICE(cuCtxGetCurrent)
DAF_TEST_NO_DEVICE(cuCtxGetLimit)
DAF_TEST_NO_DEVICE(cuCtxPopCurrent)
DAF_TEST_NO_DEVICE(cuCtxPushCurrent)
DAF_TEST_NO_DEVICE(cuDeviceGet)
DAF_TEST_NO_DEVICE(cuDeviceGetCount)
DAF_TEST_NO_DEVICE(cuDriverGetVersion)
DAF_TEST_NO_DEVICE(cuKernelGetAttribute)
DAF_TEST_NO_DEVICE(cuKernelSetAttribute)
DAF_TEST_NO_DEVICE(cuLaunchCooperativeKernel)
DAF_TEST_NO_DEVICE(cuLaunchKernel)
DAF_TEST_NO_DEVICE(cuLaunchKernelEx)
DAF_TEST_NO_DEVICE(cuLibraryLoadFromFile)
DAF_TEST_NO_DEVICE(cuLinkAddData)
DAF_TEST_NO_DEVICE(cuLinkComplete)
DAF_TEST_NO_DEVICE(cuLinkCreate)
DAF_TEST_NO_DEVICE(cuLinkDestroy)
DAF_TEST_NO_DEVICE(cuOccupancyMaxPotentialClusterSize)
DAF_TEST_NO_DEVICE(cuStreamGetCtx)
#undef DAF_TEST_NO_DEVICE
}
