#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/reduction.hpp>

namespace daf {

template <>
struct Kernel<BatchReduction, Cpu> : detail::ReductionOnHost<Cpu> {};

}  // namespace daf
