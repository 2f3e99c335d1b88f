// In place of gpu_found.cu and gpu_NAME.cu where the program is built without CUDA.
#include <daf/core/error.hpp>

#include "network/gpu_preset.hpp"

namespace daf_cnn {

namespace {

[[noreturn]] void refuse() {
    throw daf::Error(
        "--device gpu: this daf-cnn was built without CUDA; build it where the CUDA Toolkit 12 or later and "
        "cuDNN 9.8 or later are installed (cmake -DDAF_CUDA=ON says what is missing), or take --device cpu");
}

}  // namespace

std::string gpu_name() {
    refuse();
}
template <class P>
std::unique_ptr<FaceNetwork> make_gpu_network(const NetworkSettings&) {
    refuse();
}
template <class P>
std::unique_ptr<FaceLearner> make_gpu_learner(const NetworkSettings&) {
    refuse();
}
template <class P>
std::function<void()> make_gpu_bench(Precision, BenchMode, Index) {
    refuse();
}

template std::unique_ptr<FaceNetwork> make_gpu_network<Paper>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Paper>(const NetworkSettings&);
template std::unique_ptr<FaceNetwork> make_gpu_network<Half>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Half>(const NetworkSettings&);
template std::unique_ptr<FaceNetwork> make_gpu_network<Lite>(const NetworkSettings&);
template std::unique_ptr<FaceLearner> make_gpu_learner<Lite>(const NetworkSettings&);
template std::function<void()> make_gpu_bench<Paper>(Precision, BenchMode, Index);
template std::function<void()> make_gpu_bench<Half>(Precision, BenchMode, Index);
template std::function<void()> make_gpu_bench<Lite>(Precision, BenchMode, Index);

}  // namespace daf_cnn
