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

/// Throws where the GPU's memory cannot hold `bytes`, or with_scratch(). Scratch comes second: cuDNN makes
/// its plans for it, and refuses a batch far too large in its own words.
template <class WithScratch>
void require_free(const daf::Gpu& gpu, const std::string& what, Index bytes,
                  const WithScratch& with_scratch) {
    gpu.require_free(bytes, what);
    gpu.require_free(with_scratch(), what);
}

template <class Compiled>
std::unique_ptr<Compiled> made_if_it_fits(const NetworkSettings& settings) {
    auto gpu = gpu_for(settings.placement.precision);
    require_free(*gpu,
                 "the network " + Compiled::architecture_name() + " for batches of " +
                     std::to_string(settings.largest_batch),
                 Compiled::bytes_beside_scratch(settings),
                 [&] { return Compiled::bytes_for(*gpu, settings); });
    return std::make_unique<Compiled>(std::move(gpu), settings);
}

/// Compiled: CompiledNetwork or CompiledLearner.
template <template <class, Attention, class, class> class Compiled, class P, Attention A>
std::unique_ptr<typename Compiled<P, A, daf::Gpu, float>::Interface> made_on_gpu(
    const NetworkSettings& settings) {
    if (settings.placement.precision == Precision::bf16)
        return made_if_it_fits<Compiled<P, A, daf::Gpu, daf::bf16>>(settings);
    return made_if_it_fits<Compiled<P, A, daf::Gpu, float>>(settings);
}
template <template <class, Attention, class, class> class Compiled, class P>
auto made_on_gpu(const NetworkSettings& settings) {
    return settings.attention == Attention::full ? made_on_gpu<Compiled, P, Attention::full>(settings)
                                                 : made_on_gpu<Compiled, P, Attention::none>(settings);
}

template <class P, class T>
std::function<void()> made_bench_on_gpu(std::shared_ptr<daf::Gpu> gpu, BenchMode mode, Index batch) {
    return visit_bench<P, T, daf::Gpu>(mode, [&]<class Bench>(std::type_identity<Bench>) {
        const std::string what =
            Bench::title + (" " + std::string(P::name)) + " in batches of " + std::to_string(batch);
        require_free(*gpu, what, Bench::bytes(*gpu, batch),
                     [&] { return Bench::bytes_with_scratch(*gpu, batch); });
        return owned<Bench>(std::move(gpu), batch);
    });
}

}  // namespace detail

template <class P>
std::unique_ptr<FaceNetwork> make_gpu_network(const NetworkSettings& settings) {
    return detail::made_on_gpu<detail::CompiledNetwork, P>(settings);
}
template <class P>
std::unique_ptr<FaceLearner> make_gpu_learner(const NetworkSettings& settings) {
    return detail::made_on_gpu<detail::CompiledLearner, P>(settings);
}
template <class P>
std::function<void()> make_gpu_bench(Precision precision, BenchMode mode, Index batch) {
    auto gpu = detail::gpu_for(precision);
    return precision == Precision::bf16 ? detail::made_bench_on_gpu<P, daf::bf16>(std::move(gpu), mode, batch)
                                        : detail::made_bench_on_gpu<P, float>(std::move(gpu), mode, batch);
}

}  // namespace daf_cnn
