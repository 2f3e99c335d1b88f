#pragma once
// Options: what each may be, said once, so that the command line and config.json are read by the same rules.
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace daf_cnn {

/// The program was called in a way that cannot work: exit status 2.
class BadUse : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The numbers between two bounds, each of which belongs to them or not.
struct Interval {
    double low = 0;
    double high = 0;
    bool has_low = true;
    bool has_high = true;

    bool contains(double value) const {
        return (has_low ? value >= low : value > low) && (has_high ? value <= high : value < high);
    }
};

/// One of a few words.
struct Choice {
    std::vector<std::string_view> words;
};

/// Any text but none.
struct AnyText {
    std::string_view value_name = "TEXT";  // what --help calls it
};

/// Seeds: what every reader of JSON keeps exactly.
inline constexpr Interval any_seed{0, 9007199254740991.0};

struct Option {
    std::string_view name;  // without its dashes
    std::variant<AnyText, Choice, Interval> allowed;
    std::string_view help;
    std::string_view default_note = {};  // shown in --help where the default is not one value
    bool free_on_resume = false;         // whether a resumed run may have another value
    std::string_view group = "Options";  // its heading in --help
    std::string_view former = {};        // see formerly()

    /// The same under another heading.
    Option in(std::string_view heading) const {
        Option moved = *this;
        moved.group = heading;
        return moved;
    }
    /// The same, younger than the first config.json files: those that lack it were written by runs that did
    /// what this value says.
    Option formerly(std::string_view value) const {
        Option younger = *this;
        younger.former = value;
        return younger;
    }
};

/// Names of options that stood on the command line.
using Given = std::set<std::string, std::less<>>;

/// How a value that is missing is shown. Nothing is read so: what stands on a command line is a value.
inline constexpr std::string_view no_value = "null";

/// "--margin: expected a number in [0, 1e+06], but was given 'x'"
[[noreturn]] void refuse(const Option& option, std::string_view expected, std::string_view given);

/// What the option takes, for messages: "a whole number in [1, 8]", "full or none".
std::string expected_of(const Option& option, bool whole);

/// Reads a value that the option allows; throws BadUse otherwise.
void parse_value(const Option& option, std::string_view text, std::string& value);
void parse_value(const Option& option, std::string_view text, double& value);
void parse_value(const Option& option, std::string_view text, bool& value);

template <std::integral N>
void parse_value(const Option& option, std::string_view text, N& value) {
    const auto& interval = std::get<Interval>(option.allowed);
    N number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() ||
        !interval.contains(static_cast<double>(number))) {
        refuse(option, expected_of(option, true), text);
    }
    value = number;
}

template <class T>
void parse_value(const Option& option, std::string_view text, std::optional<T>& value) {
    T read{};
    parse_value(option, text, read);
    value = std::move(read);
}

/// The text that parse_value reads back to the same value; no_value of a missing one.
inline std::string text_of(const std::string& value) {
    return value;
}
inline std::string text_of(bool value) {
    return value ? "true" : "false";
}
std::string text_of(double value);
template <std::integral N>
std::string text_of(N value) {
    return std::to_string(value);
}
template <class T>
std::string text_of(const std::optional<T>& value) {
    return value ? text_of(*value) : std::string(no_value);
}

/// The same, or nothing where the value is missing.
using ValueText = std::optional<std::string>;
template <class T>
ValueText value_text(const T& value) {
    return text_of(value);
}
template <class T>
ValueText value_text(const std::optional<T>& value) {
    return value ? ValueText(text_of(*value)) : std::nullopt;
}

}  // namespace daf_cnn
