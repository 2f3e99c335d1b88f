// Two units of one program include everything and instantiate the same network: no definition may appear
// twice, and both must see the same.
#include <daf/daf.hpp>
#include <string>
#include <string_view>

#include "same_network.hpp"

std::string_view version_seen_by_second_unit();
std::vector<float> output_of_second_unit();

int main() {
    const std::string version = std::to_string(daf::version_major) + "." +
                                std::to_string(daf::version_minor) + "." + std::to_string(daf::version_patch);
    const bool same_version = version == daf::version_string && version == version_seen_by_second_unit();
    return same_version && output_of_same_network() == output_of_second_unit() ? 0 : 1;
}
