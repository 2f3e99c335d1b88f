#include "networks.hpp"

#include <daf/daf.hpp>

namespace daf_test {

template <class Op>
MakeBench on_cpu() {
    static const Op op{};
    static daf::Cpu cpu;
    cpu.set_convolution(daf::Convolution::direct);
    return subject<float, daf::Cpu>(op).on(cpu);
}

template MakeBench on_cpu<SmallLayer>();
template MakeBench on_cpu<LargeLayer>();
template MakeBench on_cpu<DeepLayer>();

}  // namespace daf_test
