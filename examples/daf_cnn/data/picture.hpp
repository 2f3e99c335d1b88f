#pragma once
// Image files as grey pictures, by OpenCV.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace daf_cnn {

/// A grey image, row by row.
struct Picture {
    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> pixels;  // width * height
};

/// Larger files and larger images are refused before anything is decoded.
inline constexpr std::uint64_t largest_picture_file = std::uint64_t{1} << 28;    // bytes
inline constexpr std::uint64_t largest_picture_pixels = std::uint64_t{1} << 26;  // 8192 x 8192

/// Decodes a JPEG, PNG, BMP, PGM/PPM, WebP or TIFF file, recognised by its content. Colours become their
/// luma, 16 bits become 8, transparency is dropped, a photo's orientation (EXIF) is applied. Any number of
/// threads may call it; while one decodes, the process's standard error is closed to what the decoders print.
/// Throws daf::FileError where the file cannot be read and daf::FormatError where it is not a whole image of
/// at most largest_picture_pixels: "PATH: expected ..., found .... what to do". So are PGM and PPM files
/// whose maximum is neither 255 nor 65535, but for text with a maximum below 255.
Picture read_picture(const std::filesystem::path& path);

/// The largest centred square of a picture, resampled to side x side pixels: by area where it shrinks,
/// bilinearly where it grows. The picture must have pixels, and side must be 1 or more.
std::vector<std::uint8_t> square_of(const Picture& picture, int side);

/// A grey image as a PNG file's bytes. `grey` holds width * height values; daf::ArgumentError if not.
std::vector<std::byte> encode_png(std::span<const std::uint8_t> grey, int width, int height);

}  // namespace daf_cnn
