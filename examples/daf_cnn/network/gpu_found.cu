#include <daf/gpu/context.cuh>

#include "network/gpu_preset.hpp"

namespace daf_cnn {

std::string gpu_name() {
    return daf::Gpu().name();
}

}  // namespace daf_cnn
