#pragma once
#include <daf/cpu/context.hpp>
#include <daf/ops/counting.hpp>

namespace daf {

template <>
struct Kernel<Counting, Cpu> : detail::CountingOnHost<Cpu> {};

}  // namespace daf
