#pragma once
// How the report looks: one style sheet, inside the page.
#include <string_view>

namespace daf_cnn {

extern const std::string_view report_style;

}  // namespace daf_cnn
