#include "base/json_text.hpp"

#include <algorithm>

namespace daf_cnn {

namespace {

/// Text of unknown origin inside a message, in no quotes of its own.
std::string plain(std::string_view text) {
    const std::string quoted = daf::json::shown(text);
    return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

std::string broken_json(std::string_view text, std::size_t byte, std::string_view said) {
    const std::string_view before = text.substr(0, byte == 0 ? 0 : byte - 1);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;

    // "... while parsing object - unexpected '}'; expected string literal"
    constexpr std::string_view dash = " - ", unexpected = "unexpected ", semicolon = "; expected ";
    if (const auto at = said.find(dash); at != std::string_view::npos) said.remove_prefix(at + dash.size());
    if (said.starts_with(unexpected)) said.remove_prefix(unexpected.size());
    const std::size_t end = said.rfind(semicolon);
    const std::string_view found = said.substr(0, end);
    const std::string_view expected =
        end == std::string_view::npos ? "JSON" : said.substr(end + semicolon.size());
    return std::to_string(line) + ":" + std::to_string(column) + ": expected " + plain(expected) +
           ", found " + plain(found);
}

}  // namespace daf_cnn
