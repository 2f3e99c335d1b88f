// The presets on a GPU. Kernels know nothing of a network's shapes, so all presets have the same ones: together they are
// compiled once.
#include "network/compiled_gpu_preset.cuh"

namespace daf_cnn {

template std::unique_ptr<FaceNetwork> make_gpu_network<Paper>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Paper>(Precision, BenchMode, Index);

template std::unique_ptr<FaceNetwork> make_gpu_network<Half>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Half>(Precision, BenchMode, Index);

template std::unique_ptr<FaceNetwork> make_gpu_network<Lite>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Lite>(Precision, BenchMode, Index);

}  // namespace daf_cnn
