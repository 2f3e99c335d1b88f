#include "processor/instruction_sets.hpp"

#include <Eigen/Core>

#include "processor/features.hpp"

namespace daf_cnn {

std::string instruction_sets() {
    std::string text = Eigen::SimdInstructionSetsInUse();
    const std::string unused = unused_features();
    if (!unused.empty()) text += " (built without " + unused + "; -DDAF_NATIVE=ON uses all)";
    return text;
}

}  // namespace daf_cnn
