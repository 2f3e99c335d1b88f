#pragma once
// printf's formats into a std::string, for lines that people read.
#include <cstdarg>
#include <cstdio>
#include <string>

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

}  // namespace daf_cnn
