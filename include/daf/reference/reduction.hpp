#pragma once
#include <daf/ops/reduction.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<BatchReduction, Reference> : detail::ReductionOnHost<Reference> {};

}  // namespace daf
