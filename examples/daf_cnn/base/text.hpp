#pragma once
// Lines that people read: printf's formats into a std::string, counts and lists in words, names of any bytes
// on one line.
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

namespace daf_cnn {

[[gnu::format(printf, 1, 2)]] inline std::string formatted(const char* format, ...) {
    std::va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    std::string text(length < 0 ? 0 : static_cast<std::size_t>(length), '\0');
    std::vsnprintf(text.data(), text.size() + 1, format, again);
    va_end(again);
    return text;
}

/// The text with its control characters written as escapes, so that it takes one line and moves no cursor: a
/// file's name may hold any byte.
inline std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            line += "\\n";
        } else if (c == '\t') {
            line += "\\t";
        } else if (byte < 0x20u || byte == 0x7Fu) {
            line += formatted("\\x%02x", byte);
        } else {
            line += c;
        }
    }
    return line;
}

/// The word for so many things.
inline std::string_view plural(long long count, std::string_view one, std::string_view many) {
    return count == 1 ? one : many;
}

/// "1 epoch", "2 epochs"
inline std::string counted(long long count, std::string_view one, std::string_view many) {
    return std::to_string(count) + " " + std::string(plural(count, one, many));
}

/// "a, b or c"
template <class Words>
std::string listed(const Words& words) {
    std::string text;
    std::size_t at = 0;
    for (const std::string_view word : words) {
        text += at == 0 ? "" : at + 1 == words.size() ? " or " : ", ";
        text += word;
        ++at;
    }
    return text;
}

/// How a command line says a word: in quotes where a shell would read it otherwise.
inline std::string shell_word(const std::string& word) {
    const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

}  // namespace daf_cnn
