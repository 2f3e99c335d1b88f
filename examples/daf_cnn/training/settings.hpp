#pragma once
// A configuration as a list of settings: how it is kept in config.json, read back, and compared with a
// command line. A configuration is a struct with for_each_option(config, visit); TrainConfig is one.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/option.hpp"

namespace daf_cnn {

/// An option and the member that holds its value, whatever the member's type.
struct Setting {
    Option option;
    bool is_text;  // words, where the others are numbers, true or false
    std::function<ValueText()> text;
    std::function<void(const ValueText&)> parse;
};
using Settings = std::vector<Setting>;

namespace detail {
template <class T>
inline constexpr bool is_text =
    std::is_same_v<T, std::string> || std::is_same_v<T, std::optional<std::string>>;

template <class T>
inline constexpr bool may_be_missing = false;
template <class T>
inline constexpr bool may_be_missing<std::optional<T>> = true;

template <class T>
void take_value(const Option& option, const ValueText& text, T& value) {
    if constexpr (may_be_missing<T>) {
        if (!text) return value.reset();
    } else if constexpr (is_text<T>) {
        if (!text)
            refuse(option, expected_of(option, false), no_value);  // parse_value would take it for a name
    }
    parse_value(option, text.value_or(std::string(no_value)), value);
}
}  // namespace detail

/// They refer to `config`, which must outlive them.
template <class Config>
Settings settings_of(Config& config) {
    Settings settings;
    for_each_option(config, [&]<class T>(const Option& option, T& value) {
        settings.push_back(
            {option, detail::is_text<T>, [&value] { return value_text(value); },
             [option, &value](const ValueText& text) { detail::take_value(option, text, value); }});
    });
    return settings;
}

/// Gives `to` the values that `from` has for the options named; both are settings of one configuration's
/// type.
void overwrite(const Settings& to, const Settings& from, const Given& named);

/// Whole or not at all.
void write_settings(const std::filesystem::path& path, const Settings& settings);

/// An entry that is missing has the value that Option::formerly states; without such a value, and for entries
/// of unknown names, throws daf::FormatError that names the file and the entry. Or daf::FileError.
void read_settings(const std::filesystem::path& path, const Settings& settings);

/// Gives `stored` what is given and free on resume. Throws BadUse that names the option which contradicts.
void resume_settings(const Settings& stored, const Settings& command_line, const Given& given);

}  // namespace daf_cnn
