#include "network/compiled_gpu_preset.cuh"

namespace daf_cnn {
template std::unique_ptr<FaceNetwork> make_gpu_network<Lite>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Lite>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Lite>(Precision, BenchMode, Index);
}  // namespace daf_cnn
