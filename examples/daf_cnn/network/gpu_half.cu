#include "network/compiled_gpu_preset.cuh"

namespace daf_cnn {
template std::unique_ptr<FaceNetwork> make_gpu_network<Half>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Half>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Half>(Precision, BenchMode, Index);
}  // namespace daf_cnn
