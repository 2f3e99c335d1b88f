#pragma once
// What an image file says of itself, read before anything is decoded: a decoder would take the memory that a
// header asks for, and hands out a truncated JPEG as if it were whole.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace daf_cnn {

struct ImageHeader {
    std::string_view format;
    std::uint64_t width, height;
    bool whole = true;          ///< false: a JPEG without its end marker; for other formats the decoder tells
    std::uint64_t maximum = 0;  ///< PGM/PPM: white's value where the decoder does not bring it to 255; or 0
};

/// The formats that image_header knows, for messages.
inline constexpr std::string_view image_formats = "JPEG, PNG, BMP, PGM/PPM, WebP or TIFF";

/// The header of an image in one of `image_formats`, recognised by its content, not by its name. Width and
/// height are those that the decoder will take; 0 where the header breaks off before them. Nothing if the
/// bytes are something else.
std::optional<ImageHeader> image_header(std::span<const std::byte> bytes);

}  // namespace daf_cnn
