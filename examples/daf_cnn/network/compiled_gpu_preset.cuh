#pragma once
// A preset's type on a GPU. Included by gpu_network_NAME.cu alone.
#include <daf/daf.cuh>

#include "network/compiled_bench.hpp"
#include "network/compiled_network.hpp"
#include "network/gpu_preset.hpp"

namespace daf_cnn {

namespace detail {

template <class P, Attention A>
std::unique_ptr<FaceNetwork> made_on_gpu(const NetworkSettings& settings) {
    using Network = CompiledNetwork<P, A, daf::Gpu>;
    auto gpu = std::make_shared<daf::Gpu>();
    gpu->require_free(Network::bytes_for(*gpu, settings), "the network " + architecture_of(P::name, A) +
                                                              " for batches of " +
                                                              std::to_string(settings.largest_batch));
    return std::make_unique<Network>(std::move(gpu), settings);
}

}  // namespace detail

template <class P>
std::unique_ptr<FaceNetwork> make_gpu_network(const NetworkSettings& settings) {
    return settings.attention == Attention::full ? detail::made_on_gpu<P, Attention::full>(settings)
                                                 : detail::made_on_gpu<P, Attention::none>(settings);
}
template <class P>
std::function<void()> make_gpu_bench(BenchMode mode, Index batch) {
    return detail::make_bench_on<P>(std::make_shared<daf::Gpu>(), mode, batch);
}

}  // namespace daf_cnn
