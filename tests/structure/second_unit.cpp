#include <daf/daf.hpp>
#include <string_view>

#include "same_network.hpp"

std::string_view version_seen_by_second_unit();
std::vector<float> output_of_second_unit();

std::string_view version_seen_by_second_unit() {
    return daf::version_string;
}
std::vector<float> output_of_second_unit() {
    return output_of_same_network();
}
