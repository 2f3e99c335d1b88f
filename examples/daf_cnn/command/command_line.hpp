#pragma once
// From CLI11 to options that are checked by their own rules.
#include <CLI/CLI.hpp>
#include <string>

#include "base/option.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// What --help shows for the value.
inline std::string value_name_of(const Option& option) {
    if (const auto* text = std::get_if<AnyText>(&option.allowed)) return std::string(text->value_name);
    if (const auto* choice = std::get_if<Choice>(&option.allowed)) {
        std::string words;
        for (const std::string_view word : choice->words)
            words += (words.empty() ? "" : "|") + std::string(word);
        return words;
    }
    return "N";
}

/// Adds an option (a bool: a flag) that parses into `value` and notes its name in `given`.
template <class T>
void add_option(CLI::App& app, const Option& option, T& value, Given& given) {
    const auto read = [option, &value, &given](const std::string& text) {
        parse_value(option, text, value);
        given.insert(std::string(option.name));
    };
    const std::string name = "--" + std::string(option.name);
    std::string help(option.help);
    if constexpr (std::is_same_v<T, bool>) {
        app.add_flag_callback(
               name, [read] { read("true"); }, help)
            ->group(std::string(option.group));
    } else {
        const std::string standard =
            option.default_note.empty() ? text_of(value) : std::string(option.default_note);
        if (!standard.empty() && standard != no_value) help += " [" + standard + "]";
        app.add_option_function<std::string>(name, read, help)
            ->type_name(value_name_of(option))
            ->group(std::string(option.group));
    }
}

}  // namespace daf_cnn
