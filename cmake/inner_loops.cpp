#include "inner_loops.hpp"

namespace daf::cpu {
DAF_LOOPS(, float)
DAF_LOOPS(, double)
}  // namespace daf::cpu
