#include "network/compiled_preset.hpp"

namespace daf_cnn {
constinit const Preset paper_preset = compiled_preset<Paper>();
}  // namespace daf_cnn
