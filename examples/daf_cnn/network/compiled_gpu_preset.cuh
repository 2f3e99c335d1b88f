#pragma once
// A preset's type on a GPU. Included by gpu_NAME.cu, one preset each though their kernels are the same:
// nvcc's time grows with the square of what a unit instantiates (docs/performance.md).
#include <daf/daf.cuh>

#include "network/compiled_bench.hpp"
#include "network/compiled_network.hpp"
#include "network/gpu_preset.hpp"

namespace daf_cnn {

namespace detail {

inline std::shared_ptr<daf::Gpu> gpu_for(Precision precision) {
    auto gpu = std::make_shared<daf::Gpu>();
    gpu->set_cudnn({.tf32 = precision == Precision::tf32});
    return gpu;
}

/// A CompiledNetwork or a CompiledLearner, if the GPU's memory can hold it.
template <class Compiled>
std::unique_ptr<Compiled> made_on_gpu(const std::string& architecture, const NetworkSettings& settings) {
    auto gpu = gpu_for(settings.placement.precision);
    const std::string what =
        "the network " + architecture + " for batches of " + std::to_string(settings.largest_batch);
    // Scratch comes second: cuDNN makes its plans for it, and refuses a batch far too large in its own words.
    gpu->require_free(Compiled::bytes_beside_scratch(settings), what);
    gpu->require_free(Compiled::bytes_for(*gpu, settings), what);
    return std::make_unique<Compiled>(std::move(gpu), settings);
}

template <class P, Attention A>
std::unique_ptr<FaceNetwork> network_on_gpu(const NetworkSettings& settings) {
    const std::string name = architecture_of(P::name, A);
    if (settings.placement.precision == Precision::bf16)
        return made_on_gpu<CompiledNetwork<P, A, daf::Gpu, daf::bf16>>(name, settings);
    return made_on_gpu<CompiledNetwork<P, A, daf::Gpu>>(name, settings);
}
template <class P, Attention A>
std::unique_ptr<FaceLearner> learner_on_gpu(const NetworkSettings& settings) {
    const std::string name = architecture_of(P::name, A);
    if (settings.placement.precision == Precision::bf16)
        return made_on_gpu<CompiledLearner<P, A, daf::Gpu, daf::bf16>>(name, settings);
    return made_on_gpu<CompiledLearner<P, A, daf::Gpu>>(name, settings);
}

/// Throws where the GPU's memory cannot hold what a bench of the whole network allocates, without the
/// parameters that an Inference keeps.
template <class P, class T>
void require_bench_memory(const daf::Gpu& gpu, BenchMode mode, Index batch) {
    using Net = NetworkOf<P, Attention::full>;
    const std::string images = " " + std::string(P::name) + " in batches of " + std::to_string(batch);
    const Index input = BenchBatch<InputOf<P>, daf::Gpu, T>::bytes(batch);
    if (mode == BenchMode::train) {
        using Learner = daf::Learner<Net, daf::Gpu, T>;
        const Index bytes = Learner::bytes(batch, daf::Adam{}) + input;
        gpu.require_free(bytes, "training" + images);
        gpu.require_free(bytes + Learner::scratch_bytes(gpu, batch), "training" + images);
    } else if (mode == BenchMode::infer) {
        using Trunk = daf::Workspace<typename Net::Trunk, T, daf::Gpu, daf::eval>;
        using Head = daf::Workspace<typename Net::Head, T, daf::Gpu, daf::eval>;
        const Index bytes = Trunk::bytes(batch) + Head::bytes(batch) + input;
        // The first parameters are there while the Inference is made, the rest once it is.
        const Index first = daf::parameter_count<Net> * static_cast<Index>(sizeof(float));
        gpu.require_free(std::max(first, bytes), "inference of" + images);
        gpu.require_free(bytes + std::max(Trunk::scratch_bytes(gpu, batch), Head::scratch_bytes(gpu, batch)),
                         "inference of" + images);
    }
}
template <class P, class T>
std::function<void()> made_bench_on_gpu(std::shared_ptr<daf::Gpu> gpu, BenchMode mode, Index batch) {
    require_bench_memory<P, T>(*gpu, mode, batch);
    return make_bench_on<P, T>(std::move(gpu), mode, batch);
}

}  // namespace detail

template <class P>
std::unique_ptr<FaceNetwork> make_gpu_network(const NetworkSettings& settings) {
    return settings.attention == Attention::full ? detail::network_on_gpu<P, Attention::full>(settings)
                                                 : detail::network_on_gpu<P, Attention::none>(settings);
}
template <class P>
std::unique_ptr<FaceLearner> make_gpu_learner(const NetworkSettings& settings) {
    return settings.attention == Attention::full ? detail::learner_on_gpu<P, Attention::full>(settings)
                                                 : detail::learner_on_gpu<P, Attention::none>(settings);
}
template <class P>
std::function<void()> make_gpu_bench(Precision precision, BenchMode mode, Index batch) {
    auto gpu = detail::gpu_for(precision);
    return precision == Precision::bf16 ? detail::made_bench_on_gpu<P, daf::bf16>(std::move(gpu), mode, batch)
                                        : detail::made_bench_on_gpu<P, float>(std::move(gpu), mode, batch);
}

}  // namespace daf_cnn
