#include "data/image_header.hpp"

#include <algorithm>
#include <array>

namespace daf_cnn {

namespace {

/// Bytes of which those behind the end read as zeros, so that a header that breaks off yields an impossible
/// size.
class Bytes {
  public:
    explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

    std::size_t size() const { return bytes_.size(); }

    bool starts_with(std::string_view text, std::size_t at = 0) const {
        if (size() < at + text.size()) return false;
        return std::equal(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                          [](char c, std::byte b) { return static_cast<unsigned char>(c) == byte_value(b); });
    }

    unsigned at(std::size_t i) const { return i < size() ? byte_value(bytes_[i]) : 0u; }

    std::uint64_t big(std::size_t first, std::size_t count) const {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < count; ++i) value = value << 8 | at(first + i);
        return value;
    }

    std::uint64_t little(std::size_t first, std::size_t count) const {
        std::uint64_t value = 0;
        for (std::size_t i = count; i > 0; --i) value = value << 8 | at(first + i - 1);
        return value;
    }

  private:
    static unsigned byte_value(std::byte b) { return std::to_integer<unsigned>(b); }

    std::span<const std::byte> bytes_;
};

ImageHeader png(const Bytes& bytes) {
    return {"PNG", bytes.big(16, 4), bytes.big(20, 4)};
}

ImageHeader bmp(const Bytes& bytes) {
    constexpr std::uint64_t old_header = 12, top = std::uint64_t{1} << 32;
    if (bytes.little(14, 4) == old_header) return {"BMP", bytes.little(18, 2), bytes.little(20, 2)};
    const std::uint64_t height = bytes.little(22, 4);  // negative where the rows run downwards
    return {"BMP", bytes.little(18, 4), std::min(height, top - height)};
}

/// Where the next marker's code stands from `at` on: 0xFF and a code. In compressed data 0xFF is followed by
/// 0 or by a restart marker; 1 is a marker without a segment, too. The size if there is none.
std::size_t next_marker(const Bytes& bytes, std::size_t at) {
    for (; at + 1 < bytes.size(); ++at) {
        const unsigned code = bytes.at(at + 1);
        const bool alone = code <= 1u || (code >= 0xD0u && code <= 0xD7u);
        if (bytes.at(at) == 0xFFu && code != 0xFFu && !alone) return at + 1;
    }
    return bytes.size();
}

/// Walks from marker to marker, so that a thumbnail inside a segment is passed over. The first frame counts,
/// as for the decoder: another one behind the scan must not replace its size.
ImageHeader jpeg(const Bytes& bytes) {
    ImageHeader header{"JPEG", 0, 0, false};
    constexpr std::size_t after_start = 2;
    for (std::size_t at = next_marker(bytes, after_start); at < bytes.size(); at = next_marker(bytes, at)) {
        constexpr unsigned end_of_image = 0xD9, tables = 0xC4, reserved = 0xC8, conditioning = 0xCC;
        const unsigned code = bytes.at(at);
        if (code == end_of_image) {
            header.whole = true;
            return header;
        }
        const bool frame =
            (code & 0xF0u) == 0xC0u && code != tables && code != reserved && code != conditioning;
        if (frame && header.width == 0) {
            header.height = bytes.big(at + 4, 2);
            header.width = bytes.big(at + 6, 2);
        }
        at += 1 + std::max(bytes.big(at + 1, 2), std::uint64_t{2});  // the segment's length counts itself
    }
    return header;
}

/// P1 to P6, then width, height and, but for bits (P1, P4), the maximum as text; '#' begins a comment. As for
/// the decoder, a comment ends at either line end, and the byte behind a number is skipped, even a '#'.
ImageHeader portable_map(const Bytes& bytes) {
    std::size_t at = 2;
    const auto number = [&] {
        while (at < bytes.size() && (bytes.at(at) < '0' || bytes.at(at) > '9')) {
            if (bytes.at(at) == '#')
                while (at < bytes.size() && bytes.at(at) != '\n' && bytes.at(at) != '\r') ++at;
            ++at;
        }
        constexpr std::uint64_t enough = 1u << 30;
        std::uint64_t value = 0;
        for (; bytes.at(at) >= '0' && bytes.at(at) <= '9'; ++at)
            value = std::min(value * 10 + (bytes.at(at) - '0'), enough);
        ++at;
        return value;
    };
    const std::uint64_t width = number(), height = number();
    const unsigned kind = bytes.at(1);
    if (kind == '1' || kind == '4') return {"PGM/PPM", width, height};
    const std::uint64_t maximum = number();
    const bool stretched = kind < '4' && maximum <= 255;  // by the decoder: 8 bits as text
    return {"PGM/PPM", width, height, true, stretched ? 0 : maximum};
}

ImageHeader webp(const Bytes& bytes) {
    constexpr std::uint64_t low_14 = 0x3FFF;
    if (bytes.starts_with("VP8X", 12)) return {"WebP", bytes.little(24, 3) + 1, bytes.little(27, 3) + 1};
    if (bytes.starts_with("VP8L", 12)) {
        const std::uint64_t packed = bytes.little(21, 4);
        return {"WebP", (packed & low_14) + 1, (packed >> 14 & low_14) + 1};
    }
    // A decoder takes bare image data here as well, whose size stands elsewhere; no program writes that.
    if (!bytes.starts_with("VP8 ", 12)) return {"WebP", 0, 0};
    return {"WebP", bytes.little(26, 2) & low_14, bytes.little(28, 2) & low_14};
}

/// Width and height are entries of the first directory, each the first of its tag, as for the decoder. They
/// are short or long: another type's value may stand elsewhere in the file, and is left at 0.
ImageHeader tiff(const Bytes& bytes) {
    std::optional<std::uint64_t> width, height;
    const bool is_little = bytes.at(0) == 'I';
    const auto number = [&](std::size_t at, std::size_t count) {
        return is_little ? bytes.little(at, count) : bytes.big(at, count);
    };
    const auto directory = static_cast<std::size_t>(number(4, 4));
    const auto entries = static_cast<std::size_t>(number(directory, 2));
    for (std::size_t i = 0; i < entries; ++i) {
        constexpr std::uint64_t width_tag = 256, height_tag = 257, short_type = 3, long_type = 4;
        const std::size_t entry = directory + 2 + 12 * i;
        const std::uint64_t tag = number(entry, 2), type = number(entry + 2, 2);
        const std::uint64_t value = type == short_type  ? number(entry + 8, 2)
                                    : type == long_type ? number(entry + 8, 4)
                                                        : 0;
        if (tag == width_tag && !width) width = value;
        if (tag == height_tag && !height) height = value;
    }
    return {"TIFF", width.value_or(0), height.value_or(0)};
}

}  // namespace

std::optional<ImageHeader> image_header(std::span<const std::byte> content) {
    using namespace std::string_view_literals;
    const Bytes bytes(content);
    if (bytes.starts_with("\x89PNG\r\n\x1A\n")) return png(bytes);
    if (bytes.starts_with("\xFF\xD8\xFF")) return jpeg(bytes);
    if (bytes.starts_with("BM")) return bmp(bytes);
    if (bytes.at(0) == 'P' && bytes.at(1) >= '1' && bytes.at(1) <= '6') {
        constexpr std::string_view space = " \t\r\n#";
        if (space.find(static_cast<char>(bytes.at(2))) != space.npos) return portable_map(bytes);
    }
    if (bytes.starts_with("RIFF") && bytes.starts_with("WEBP", 8)) return webp(bytes);
    if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv)) return tiff(bytes);
    return std::nullopt;
}

}  // namespace daf_cnn
