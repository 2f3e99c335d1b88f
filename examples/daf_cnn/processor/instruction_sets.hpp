#pragma once
#include <string>

namespace daf_cnn {

/// What this build uses of the processor, and what it leaves out.
std::string instruction_sets();

}  // namespace daf_cnn
