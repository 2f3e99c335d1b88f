#pragma once
#include <daf/ops/counting.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <>
struct Kernel<Counting, Reference> : detail::CountingOnHost<Reference> {};

}  // namespace daf
