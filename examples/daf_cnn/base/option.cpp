#include "base/option.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace daf_cnn {

void refuse(const Option& option, std::string_view expected, std::string_view given) {
    throw BadUse("--" + std::string(option.name) + ": expected " + std::string(expected) +
                 ", but was given '" + std::string(given) + "'");
}

std::string expected_of(const Option& option, bool whole) {
    if (const auto* interval = std::get_if<Interval>(&option.allowed)) {
        return formatted("a %snumber in %c%.*g, %.*g%c", whole ? "whole " : "", interval->has_low ? '[' : '(',
                         17, interval->low, whole ? 20 : 17, interval->high, interval->has_high ? ']' : ')');
    }
    if (const auto* choice = std::get_if<Choice>(&option.allowed)) {
        return listed(choice->words);
    }
    return "a text";
}

void parse_value(const Option& option, std::string_view text, std::string& value) {
    const auto* choice = std::get_if<Choice>(&option.allowed);
    const bool fits = choice == nullptr ? !text.empty()
                                        : std::find(choice->words.begin(), choice->words.end(), text) !=
                                              choice->words.end();
    if (!fits) refuse(option, expected_of(option, false), text);
    value = text;
}

void parse_value(const Option& option, std::string_view text, double& value) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number) ||
        !std::get<Interval>(option.allowed).contains(number)) {
        refuse(option, expected_of(option, false), text);
    }
    value = number;
}

void parse_value(const Option& option, std::string_view text, bool& value) {
    if (text != "true" && text != "false") refuse(option, "true or false", text);
    value = text == "true";
}

std::string text_of(double value) {
    char text[64];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace daf_cnn
