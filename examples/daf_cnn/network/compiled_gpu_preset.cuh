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

template <class P, Attention A, class T>
std::unique_ptr<FaceNetwork> made_on_gpu(const NetworkSettings& settings) {
    using Network = CompiledNetwork<P, A, daf::Gpu, T>;
    auto gpu = gpu_for(settings.placement.precision);
    gpu->require_free(Network::bytes_for(*gpu, settings), "the network " + architecture_of(P::name, A) +
                                                              " for batches of " +
                                                              std::to_string(settings.largest_batch));
    return std::make_unique<Network>(std::move(gpu), settings);
}

template <class P, Attention A>
std::unique_ptr<FaceNetwork> made_on_gpu(const NetworkSettings& settings) {
    return settings.placement.precision == Precision::bf16 ? made_on_gpu<P, A, daf::bf16>(settings)
                                                           : made_on_gpu<P, A, float>(settings);
}

/// Throws where the GPU's memory cannot hold what a bench of the whole network allocates, as far as the plans
/// say it.
template <class P, class T>
void require_bench_memory(const daf::Gpu& gpu, BenchMode mode, Index batch) {
    using Net = NetworkOf<P, Attention::full>;
    const std::string images = " " + std::string(P::name) + " in batches of " + std::to_string(batch);
    if (mode == BenchMode::train) {
        using Learner = daf::Learner<Net, daf::Gpu, T>;
        gpu.require_free(Learner::bytes(batch, daf::Adam{}) + Learner::scratch_bytes(gpu, batch),
                         "training" + images);
    } else if (mode == BenchMode::infer) {
        using Trunk = daf::Workspace<TrunkOf<P, Attention::full>, T, daf::Gpu, daf::eval>;
        gpu.require_free(Trunk::bytes(batch), "inference of" + images);
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
    return settings.attention == Attention::full ? detail::made_on_gpu<P, Attention::full>(settings)
                                                 : detail::made_on_gpu<P, Attention::none>(settings);
}
template <class P>
std::function<void()> make_gpu_bench(Precision precision, BenchMode mode, Index batch) {
    auto gpu = detail::gpu_for(precision);
    return precision == Precision::bf16 ? detail::made_bench_on_gpu<P, daf::bf16>(std::move(gpu), mode, batch)
                                        : detail::made_bench_on_gpu<P, float>(std::move(gpu), mode, batch);
}

}  // namespace daf_cnn
