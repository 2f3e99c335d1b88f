#include "network/compiled_preset.hpp"

namespace daf_cnn {
constinit const Preset lite_preset = compiled_preset<Lite>();
}  // namespace daf_cnn
