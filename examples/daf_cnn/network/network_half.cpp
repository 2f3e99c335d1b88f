#include "network/compiled_preset.hpp"

namespace daf_cnn {
constinit const Preset half_preset = compiled_preset<Half>();
}  // namespace daf_cnn
