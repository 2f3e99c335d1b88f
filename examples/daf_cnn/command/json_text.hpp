#pragma once
// JSON values from files in messages.
#include <daf/io/json.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace daf_cnn {

/// A number or a word as it stands there, cut short; a list or an object by its kind alone: writing one out
/// that is nested without end takes the stack.
template <class Json>
std::string shown_value(const Json& value) {
    if (value.is_array()) return "a list";
    if (value.is_object()) return "an object";
    return daf::json::shown(value.dump());
}

}  // namespace daf_cnn
