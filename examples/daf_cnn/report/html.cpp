#include "report/html.hpp"

#include <cmath>
#include <daf/io/json.hpp>

#include "base/text.hpp"
#include "data/picture.hpp"
#include "faces/face_parameters.hpp"

namespace daf_cnn::html {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

std::string base64(std::span<const std::byte> bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t length = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < length ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) text += k <= length ? digits[group >> (18 - 6 * k) & 63u] : '=';
    }
    return text;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string safe;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = daf::json::utf8_length(text, i);
        const auto c = static_cast<unsigned char>(text[i]);
        if (length == 0 || (c < 0x20u && c != '\t' && c != '\n') || c == 0x7Fu) {
            safe += replacement;
        } else if (c == '&') {
            safe += "&amp;";
        } else if (c == '<') {
            safe += "&lt;";
        } else if (c == '>') {
            safe += "&gt;";
        } else if (c == '"') {
            safe += "&quot;";
        } else if (c == '\'') {
            safe += "&#39;";
        } else {
            safe += text.substr(i, length);
        }
        i += std::max<std::size_t>(length, 1);
    }
    return safe;
}

std::string fixed(double value, int decimals) {
    return std::isfinite(value) ? formatted("%.*f", decimals, value) : "–";
}

std::string count(long long value) {
    std::string digits = std::to_string(value);
    for (auto at = static_cast<long>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
}

std::string percent(double share) {
    return std::isfinite(share) ? formatted("%.1f\u00a0%%", 100 * share) : "–";
}

std::string duration(double seconds) {
    const auto whole = static_cast<long long>(std::llround(seconds));
    if (whole < 60) return formatted("%lld s", whole);
    if (whole < 3600) return formatted("%lld min %lld s", whole / 60, whole % 60);
    return formatted("%lld h %lld min", whole / 3600, whole / 60 % 60);
}

std::string counted(long long value, std::string_view word) {
    return count(value) + " " + std::string(plural(value, word, std::string(word) + "s"));
}

std::string picture_uri(std::span<const std::uint8_t> grey, int side) {
    return "data:image/png;base64," + base64(encode_png(grey, side, side));
}

std::string picture(std::span<const std::uint8_t> grey, int side, const std::string& hint) {
    const std::string safe = escaped(hint);
    return formatted("<img width=\"%d\" height=\"%d\" alt=\"", side, side) + safe + "\" title=\"" + safe +
           "\" src=\"" + picture_uri(grey, side) + "\">";
}

std::string expression(long long label) {
    return std::string(expression_names.at(static_cast<std::size_t>(label)));
}

}  // namespace daf_cnn::html
