#pragma once
// JSON as far as a safetensors header needs it: objects, arrays, strings and unsigned integers. Strict, and
// hardened against hostile text: the caller asks for what must come next, so nothing is nested deeper than it
// asks for.
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <daf/core/error.hpp>

namespace daf::json {

/// The length (1 to 4) of the UTF-8 character at text[at], or 0 if it is not one (RFC 3629: no overlong
/// forms, no surrogates, nothing above U+10FFFF).
inline std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned first = byte(0);
    if (first < 0x80u) return 1;
    if (first >= 0xC2u && first <= 0xDFu) return continues(1) ? 2 : 0;
    if (first >= 0xE0u && first <= 0xEFu) {
        const bool overlong = first == 0xE0u && byte(1) < 0xA0u;
        const bool surrogate = first == 0xEDu && byte(1) >= 0xA0u;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0u && first <= 0xF4u) {
        const bool overlong = first == 0xF0u && byte(1) < 0x90u;
        const bool beyond = first == 0xF4u && byte(1) >= 0x90u;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

/// Whether all of a text is UTF-8.
inline bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

/// The text as a JSON string with its quotes. ArgumentError if it is not UTF-8.
inline std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_length(text, i);
        if (length == 0) {
            throw ArgumentError(std::string("a name or metadata text must be UTF-8, but its byte ") +
                                std::to_string(i) + " begins no character. Convert the text first.");
        }
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '"' || c == '\\') {
            quoted += {'\\', text[i]};
        } else if (c < 0x20u || c == 0x7Fu) {
            quoted += {'\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 0xFu]};
        } else {
            quoted += text.substr(i, length);
        }
        i += length;
    }
    return quoted + '"';
}

/// Text of unknown origin as a message may show it: quoted, on one line, cut after about 60 bytes.
inline std::string shown(std::string_view text) {
    std::string printable;
    for (const char c : text.substr(0, 60)) printable += c >= ' ' && c <= '~' ? c : '?';
    return std::string("'") + printable + (text.size() > 60 ? "..." : "") + "'";
}

/// Reads JSON from front to back. Every error is a FormatError "ORIGIN: header byte N: expected ..., found
/// ...".
class Reader {
  public:
    /// origin: the file's name for messages.  first_byte: where text[0] stands in that file.
    Reader(std::string_view text, std::string_view origin, std::size_t first_byte = 0)
        : text_(text), origin_(origin), first_byte_(first_byte) {}

    /// Where the next character stands in the text.
    std::size_t position() const { return at_; }

    /// Reads an object: member(key) must read the value of each member. A key may occur once only.
    template <class Member>
    void object(Member&& member) {
        take('{', "an object, which begins with '{'");
        std::set<std::string, std::less<>> keys;
        if (take_if('}')) return;
        do {
            skip_space();
            const std::size_t start = at_;
            const auto [key, is_new] = keys.insert(string());
            if (!is_new) fail_at(start, "each key once", std::string("the key ") + shown(*key) + " again");
            take(':', "':' after a key");
            member(*key);
        } while (take_if(','));
        take('}', "',' or '}' after a member");
    }

    /// Reads an array: element() must read each element.
    template <class Element>
    void array(Element&& element) {
        take('[', "an array, which begins with '['");
        if (take_if(']')) return;
        do element();
        while (take_if(','));
        take(']', "',' or ']' after an element");
    }

    /// Reads a string and decodes its escapes.
    std::string string() {
        take('"', "a string, which begins with '\"'");
        std::string decoded;
        while (peek() != '"') {
            const std::size_t length = utf8_length(text_, at_);
            if (at_ == text_.size()) fail("'\"' at a string's end", "the end of the header");
            if (length == 0) fail("UTF-8 text", "a byte that begins no character");
            if (static_cast<unsigned char>(peek()) < 0x20u) fail("no control character in a string", found());
            if (peek() == '\\') {
                decode_escape(decoded);
            } else {
                decoded += text_.substr(at_, length);
                at_ += length;
            }
        }
        ++at_;
        return decoded;
    }

    /// Reads an integer from 0 to 2^64 - 1: digits only, without sign, fraction, exponent or leading zeros.
    std::uint64_t integer() {
        skip_space();
        std::size_t end = at_;
        while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
        const std::string_view digits = text_.substr(at_, end - at_);
        const bool goes_on =
            end < text_.size() && std::string_view(".eE+-").find(text_[end]) != std::string_view::npos;
        std::uint64_t value = 0;
        const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || goes_on || error != std::errc{} ||
            (digits.size() > 1 && digits.front() == '0')) {
            fail("an integer from 0 to 2^64 - 1", shown(text_.substr(at_, 24)));
        }
        at_ = end;
        return value;
    }

    /// Only spaces may follow.
    void end() {
        skip_space();
        if (at_ != text_.size()) fail("the end of the header, padded with spaces", found());
    }

    [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
        fail_at(at_, expected, found);
    }

    [[noreturn]] void fail_at(std::size_t position, std::string_view expected, std::string_view found) const {
        throw FormatError(std::string(origin_) + ": header byte " + std::to_string(first_byte_ + position) +
                          ": expected " + std::string(expected) + ", found " + std::string(found) +
                          ". The file is damaged or of another format; take another copy or write it anew.");
    }

  private:
    /// The next character, 0 at the end (a character 0 is accepted nowhere, so the two need not be told apart
    /// here).
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    std::string found() const { return at_ == text_.size() ? "its end" : shown(text_.substr(at_, 12)); }

    void skip_space() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
    }

    bool take_if(char wanted) {
        skip_space();
        if (peek() != wanted) return false;
        ++at_;
        return true;
    }

    void take(char wanted, std::string_view expected) {
        if (!take_if(wanted)) fail(expected, found());
    }

    void decode_escape(std::string& decoded) {
        constexpr std::string_view names = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const std::size_t start = at_++;
        const std::size_t which = names.find(peek());
        if (which != std::string_view::npos && at_ < text_.size()) {
            decoded += meanings[which];
            ++at_;
            return;
        }
        std::uint32_t code = code_unit(start);
        if (code >= 0xD800u && code < 0xDC00u && text_.substr(at_, 1) == "\\") {  // the first half of a pair
            ++at_;
            const std::uint32_t second = code_unit(start);
            if (second < 0xDC00u || second > 0xDFFFu)
                fail_at(start, "two surrogates that make a pair", "others");
            code = 0x10000u + ((code - 0xD800u) << 10) + (second - 0xDC00u);
        }
        if (code >= 0xD800u && code < 0xE000u) fail_at(start, "a pair of surrogates", "one alone");
        append_utf8(decoded, code);
    }

    /// The u and the four digits of an escape that began at `start`.
    std::uint32_t code_unit(std::size_t start) {
        const std::string_view digits = text_.substr(at_).substr(0, 5);
        std::uint32_t code = 0;
        const char* const stop = digits.data() + digits.size();
        if (digits.size() != 5 || digits.front() != 'u' ||
            std::from_chars(digits.data() + 1, stop, code, 16).ptr != stop) {
            fail_at(start, "an escape as JSON has it", shown(text_.substr(start, 6)));
        }
        at_ += digits.size();
        return code;
    }

    static void append_utf8(std::string& text, std::uint32_t code) {
        const auto append = [&](std::uint32_t byte) {
            text += static_cast<char>(static_cast<unsigned char>(byte));
        };
        if (code < 0x80u) {
            append(code);
        } else if (code < 0x800u) {
            append(0xC0u | (code >> 6));
            append(0x80u | (code & 0x3Fu));
        } else if (code < 0x10000u) {
            append(0xE0u | (code >> 12));
            append(0x80u | ((code >> 6) & 0x3Fu));
            append(0x80u | (code & 0x3Fu));
        } else {
            append(0xF0u | (code >> 18));
            append(0x80u | ((code >> 12) & 0x3Fu));
            append(0x80u | ((code >> 6) & 0x3Fu));
            append(0x80u | (code & 0x3Fu));
        }
    }

    std::string_view text_;
    std::string_view origin_;
    std::size_t first_byte_;
    std::size_t at_ = 0;
};

}  // namespace daf::json
