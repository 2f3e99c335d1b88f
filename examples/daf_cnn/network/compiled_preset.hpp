#pragma once
// Turns a preset's type into a Preset. Included by network_NAME.cpp alone.
#include <daf/daf.hpp>

#include "network/compiled_bench.hpp"
#include "network/compiled_network.hpp"
#include "network/gpu_preset.hpp"

namespace daf_cnn {

namespace detail {

/// The program's threads, which outlive what runs on them.
inline std::shared_ptr<daf::Cpu> not_owned(daf::Cpu& cpu) {
    return {std::shared_ptr<void>(), &cpu};
}

template <class P>
std::unique_ptr<FaceNetwork> make_network(daf::Cpu& cpu, const NetworkSettings& settings) {
    if (settings.attention == Attention::full) {
        return std::make_unique<CompiledNetwork<P, Attention::full, daf::Cpu>>(not_owned(cpu), settings);
    }
    return std::make_unique<CompiledNetwork<P, Attention::none, daf::Cpu>>(not_owned(cpu), settings);
}
template <class P>
std::unique_ptr<FaceLearner> make_learner(daf::Cpu& cpu, const NetworkSettings& settings) {
    if (settings.attention == Attention::full) {
        return std::make_unique<CompiledLearner<P, Attention::full, daf::Cpu>>(not_owned(cpu), settings);
    }
    return std::make_unique<CompiledLearner<P, Attention::none, daf::Cpu>>(not_owned(cpu), settings);
}
template <class P>
std::function<void()> make_bench(daf::Cpu& cpu, BenchMode mode, Index batch) {
    return make_bench_on<P>(not_owned(cpu), mode, batch);
}

}  // namespace detail

template <class P>
constexpr Preset compiled_preset() {
    return {P::name,
            P::side,
            {&detail::make_network<P>, &detail::make_learner<P>, &detail::make_bench<P>},
            {&make_gpu_network<P>, &make_gpu_learner<P>, &make_gpu_bench<P>}};
}

}  // namespace daf_cnn
