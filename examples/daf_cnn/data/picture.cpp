#include "data/picture.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include <daf/core/error.hpp>
#include <daf/io/file.hpp>

#include "base/text.hpp"
#include "data/image_header.hpp"

namespace daf_cnn {

namespace {

/// OpenCV on the calling thread alone: the context's pool is what runs in parallel.
void prepare_opencv() {
    static const bool prepared = [] {
        cv::setNumThreads(1);
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        return true;
    }();
    static_cast<void>(prepared);
}

/// libjpeg, libpng and OpenCV print their opinion of a damaged image on standard error, where the program
/// says one line that names the file. While any Quiet lives, standard error leads to nowhere.
class Quiet {
  public:
    Quiet() {
        const std::scoped_lock lock(state().mutex);
        if (state().count++ > 0) return;
        std::fflush(stderr);
        const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere < 0) return;
        state().saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        if (state().saved >= 0) ::dup2(nowhere, STDERR_FILENO);
        ::close(nowhere);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() {
        const std::scoped_lock lock(state().mutex);
        if (--state().count > 0 || state().saved < 0) return;
        ::dup2(state().saved, STDERR_FILENO);
        ::close(state().saved);
        state().saved = -1;
    }

  private:
    struct State {
        std::mutex mutex;
        int count = 0;
        int saved = -1;  // the real standard error
    };
    static State& state() {
        static State state;
        return state;
    }
};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& expected,
                         const std::string& found, const std::string& remedy) {
    throw daf::FormatError(path.string() + ": expected " + expected + ", found " + found + ". " + remedy +
                           ".");
}

/// What bytes that are no known image may be.
std::string description(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                                std::min<std::size_t>(bytes.size(), 512));
    if (text.empty()) return "an empty file";
    if (text.starts_with("GIF8")) return "a GIF image";
    const bool readable = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= ' ' && c != '\x7F') || c == '\n' || c == '\r' || c == '\t' || c < 0;
    });
    if (readable) return "text";
    std::string hex = "a file that begins with the bytes";
    for (const char c : text.substr(0, 4)) hex += formatted(" %02x", static_cast<unsigned char>(c));
    return hex;
}

[[noreturn]] void refuse_size(const std::filesystem::path& path, const std::string& what, std::uint64_t width,
                              std::uint64_t height) {
    refuse(path, "at most " + std::to_string(largest_picture_pixels >> 20) + " megapixels",
           what + " of " + std::to_string(width) + " x " + std::to_string(height) + " pixels",
           "Reduce the image or remove it");
}

void check_header(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    const std::string image = "a " + std::string(image_formats) + " image";
    const std::optional<ImageHeader> header = image_header(bytes);
    if (!header) refuse(path, image, description(bytes), "Convert the file or remove it");
    const std::string format(header->format);
    const std::uint64_t width = header->width, height = header->height;
    if (width == 0 || height == 0) {
        refuse(path, "a whole " + format + " image", "a damaged or truncated one without a size",
               "Copy the file again or remove it");
    }
    if (width > largest_picture_pixels || height > largest_picture_pixels / width)
        refuse_size(path, "a " + format + " header", width, height);
    // OpenCV takes white for 255 or 65535 whatever the file says: the picture would be nearly black.
    if (const std::uint64_t white = header->maximum; white != 0 && white != 255 && white != 65535) {
        refuse(path, "a maximum of 255 or 65535 in a " + format + " image", std::to_string(white),
               "Convert the image to a maximum of 255 or remove it");
    }
    if (!header->whole) {
        refuse(path, "a whole " + format + " image", "one whose end is missing",
               "Copy the file again or remove it");
    }
}

/// An empty image where the decoder refuses.
cv::Mat decoded(std::span<const std::byte> bytes) {
    const Quiet quiet;
    // OpenCV reads the buffer only, but its matrices know no constant memory.
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U, const_cast<std::byte*>(bytes.data()));
    try {
        return cv::imdecode(buffer, cv::IMREAD_GRAYSCALE);
    } catch (const cv::Exception& error) {
        if (error.code == cv::Error::StsNoMem) throw std::bad_alloc();
        return {};
    }
}

cv::Mat matrix_of(std::span<const std::uint8_t> pixels, int width, int height) {
    return {height, width, CV_8U, const_cast<std::uint8_t*>(pixels.data())};
}

}  // namespace

Picture read_picture(const std::filesystem::path& path) {
    prepare_opencv();
    const std::vector<std::byte> bytes = daf::read_file(path, largest_picture_file);
    check_header(path, bytes);
    const cv::Mat image = decoded(bytes);
    if (image.empty()) {
        refuse(path, "a whole " + std::string(image_header(bytes)->format) + " image",
               "one that is damaged, truncated or of an unknown kind", "Copy the file again or remove it");
    }
    // Should the decoder ever take another size than image_header.
    if (image.total() > largest_picture_pixels) {
        refuse_size(path, "an image", static_cast<std::uint64_t>(image.cols),
                    static_cast<std::uint64_t>(image.rows));
    }
    Picture picture{image.cols, image.rows, {}};
    picture.pixels.reserve(image.total());
    for (int y = 0; y < image.rows; ++y) {
        const auto* row = image.ptr<std::uint8_t>(y);
        picture.pixels.insert(picture.pixels.end(), row, row + image.cols);
    }
    return picture;
}

std::vector<std::uint8_t> square_of(const Picture& picture, int side) {
    prepare_opencv();
    const int cut = std::min(picture.width, picture.height);
    const cv::Mat whole = matrix_of(picture.pixels, picture.width, picture.height);
    const cv::Mat square = whole(cv::Rect((picture.width - cut) / 2, (picture.height - cut) / 2, cut, cut));
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side));
    cv::Mat result = matrix_of(pixels, side, side);
    cv::resize(square, result, result.size(), 0, 0, side < cut ? cv::INTER_AREA : cv::INTER_LINEAR);
    return pixels;
}

std::vector<std::byte> encode_png(std::span<const std::uint8_t> grey, int width, int height) {
    prepare_opencv();
    if (width < 1 || height < 1 ||
        grey.size() / static_cast<std::size_t>(width) != static_cast<std::size_t>(height) ||
        grey.size() % static_cast<std::size_t>(width) != 0) {
        throw daf::ArgumentError("encode_png: expected " + std::to_string(width) + " x " +
                                 std::to_string(height) + " values, got " + std::to_string(grey.size()) +
                                 ".");
    }
    std::vector<std::uint8_t> file;
    cv::imencode(".png", matrix_of(grey, width, height), file);
    const auto bytes = std::as_bytes(std::span(file));
    return {bytes.begin(), bytes.end()};
}

}  // namespace daf_cnn
