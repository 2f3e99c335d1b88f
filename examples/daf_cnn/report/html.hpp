#pragma once
// What the report's HTML is made of: texts that are safe to show, numbers that read well, pictures inside the
// page.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace daf_cnn::html {

/// A text as HTML shows it, in an element or an attribute's quotes. What is not UTF-8, and what no page may
/// hold, is shown as U+FFFD.
std::string escaped(std::string_view text);

/// "0.9143"; "–" for what is not a number.
std::string fixed(double value, int decimals);
/// "1,400"
std::string count(long long value);
/// "6.3 %"
std::string percent(double share);
/// "48 s", "2 min 5 s", "3 h 20 min"
std::string duration(double seconds);
/// "7 images", "1 image": the word has its plural s where it needs one.
std::string counted(long long value, std::string_view word);

/// A square grey picture as a data: URI of a PNG.
std::string picture_uri(std::span<const std::uint8_t> grey, int side);

/// A word for a screen reader and the picture itself; `hint` is shown when the pointer rests on it.
std::string picture(std::span<const std::uint8_t> grey, int side, const std::string& hint);

/// The expression's name. label: 0 to 6.
std::string expression(long long label);

}  // namespace daf_cnn::html
