// Every preset on a GPU, in one translation unit: their kernels are the same, so nvcc compiles each once.
#include "network/compiled_gpu_preset.cuh"

namespace daf_cnn {

std::string gpu_name() {
    return daf::Gpu().name();
}

template std::unique_ptr<FaceNetwork> make_gpu_network<Paper>(const NetworkSettings&);
template std::unique_ptr<FaceNetwork> make_gpu_network<Half>(const NetworkSettings&);
template std::unique_ptr<FaceNetwork> make_gpu_network<Lite>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Paper>(BenchMode, Index);
template std::function<void()> make_gpu_bench<Half>(BenchMode, Index);
template std::function<void()> make_gpu_bench<Lite>(BenchMode, Index);

}  // namespace daf_cnn
