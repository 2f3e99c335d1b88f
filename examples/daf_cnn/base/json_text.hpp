#pragma once
// JSON from files: read with the place of what is wrong, and shown in messages.
#include <daf/io/file.hpp>
#include <daf/io/json.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace daf_cnn {

/// A number or a word as it stands there, cut short; a list or an object by its kind alone: writing one out
/// that is nested without end takes the stack.
template <class Json>
std::string shown_value(const Json& value) {
    if (value.is_array()) return "a list";
    if (value.is_object()) return "an object";
    return daf::json::shown(value.dump());
}

/// "3:17: expected ',' or '}', found a string": what nlohmann's parser says, by line and column, of the byte
/// (counted from 1) that it had come to, the last of what it found.
std::string broken_json(std::string_view text, std::size_t byte, std::string_view said);

/// What a small file holds. Throws daf::FileError, or daf::FormatError "FILE:3:17: expected ..., found ....
/// REMEDY".
template <class Json>
Json read_json(const std::filesystem::path& path, std::string_view remedy) {
    const std::vector<std::byte> bytes = daf::read_file(path, 1 << 20);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    try {
        return Json::parse(text);
    } catch (const typename Json::parse_error& error) {
        throw daf::FormatError(path.string() + ":" + broken_json(text, error.byte, error.what()) + ". " +
                               std::string(remedy));
    } catch (const typename Json::out_of_range& error) {  // "... number overflow parsing '1e999'"
        const std::string_view said = error.what();
        throw daf::FormatError(path.string() + ": expected numbers that a double holds, found " +
                               std::string(said.substr(said.rfind(' ') + 1)) + ". " + std::string(remedy));
    }
}

}  // namespace daf_cnn
