#pragma once
// Networks on a GPU: compiled in gpu_NAME.cu where CUDA is at hand, refused in words by gpu_missing.cpp where
// it is not. Each has a context of its own.
#include "network/face_network.hpp"

namespace daf_cnn {

/// What the program would run on. Throws as those below where there is no such thing.
std::string gpu_name();

/// Throws daf::Error that says why there is no GPU to run on, or how much of its memory is missing.
template <class P>
std::unique_ptr<FaceNetwork> make_gpu_network(const NetworkSettings& settings);
template <class P>
std::unique_ptr<FaceLearner> make_gpu_learner(const NetworkSettings& settings);
template <class P>
std::function<void()> make_gpu_bench(Precision precision, BenchMode mode, Index batch);

}  // namespace daf_cnn
