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

/// Compiled: CompiledNetwork or CompiledLearner.
template <template <class, Attention, class, class> class Compiled, class P>
std::unique_ptr<typename Compiled<P, Attention::full, daf::Cpu, float>::Interface> made_on_cpu(
    daf::Cpu& cpu, const NetworkSettings& settings) {
    if (settings.attention == Attention::full)
        return std::make_unique<Compiled<P, Attention::full, daf::Cpu, float>>(not_owned(cpu), settings);
    return std::make_unique<Compiled<P, Attention::none, daf::Cpu, float>>(not_owned(cpu), settings);
}
template <class P>
std::function<void()> make_bench(daf::Cpu& cpu, BenchMode mode, Index batch) {
    return visit_bench<P, float, daf::Cpu>(
        mode, [&]<class Bench>(std::type_identity<Bench>) { return owned<Bench>(not_owned(cpu), batch); });
}

}  // namespace detail

template <class P>
constexpr Preset compiled_preset() {
    return {P::name,
            P::side,
            {&detail::made_on_cpu<detail::CompiledNetwork, P>,
             &detail::made_on_cpu<detail::CompiledLearner, P>, &detail::make_bench<P>},
            {&make_gpu_network<P>, &make_gpu_learner<P>, &make_gpu_bench<P>}};
}

}  // namespace daf_cnn
