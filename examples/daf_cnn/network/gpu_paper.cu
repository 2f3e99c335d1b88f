#include "network/compiled_gpu_preset.cuh"

namespace daf_cnn {
template std::unique_ptr<FaceNetwork> make_gpu_network<Paper>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Paper>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Paper>(Precision, BenchMode, Index);
}  // namespace daf_cnn
