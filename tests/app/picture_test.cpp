// Image files of every kind become grey pictures, and what is no whole image is refused in words.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include <daf/core/error.hpp>

#include "data/image_header.hpp"
#include "data/picture.hpp"
#include "run_program.hpp"

namespace {

using daf_cnn::Picture;
using daf_cnn::read_picture;
using daf_cnn::square_of;
using daf_test::contains;
using daf_test::message_of;
using daf_test::ScratchFolder;

/// 30 x 20, brighter to the right, and something that compresses badly so that a file's end holds pixels.
template <class Pixel>
cv::Mat slope(int type, int white) {
    cv::Mat image(20, 30, type);
    for (int y = 0; y < image.rows; ++y) {
        for (int x = 0; x < image.cols; ++x)
            image.at<Pixel>(y, x) = static_cast<Pixel>(white / 255 * (6 * x + 2 * ((x * 7 + y * 13) % 11)));
    }
    return image;
}

cv::Mat grey8() {
    return slope<std::uint8_t>(CV_8U, 255);
}
cv::Mat grey16() {
    return slope<std::uint16_t>(CV_16U, 65535);
}
cv::Mat colour(int channels) {
    cv::Mat grey = grey8(), image;
    std::vector<cv::Mat> planes(static_cast<std::size_t>(channels), grey);
    if (channels == 4) planes[3] = cv::Mat(grey.size(), CV_8U, cv::Scalar(128));
    cv::merge(planes, image);
    return image;
}

std::string encoded(const char* extension, const cv::Mat& image, const std::vector<int>& parameters = {}) {
    std::vector<std::uint8_t> bytes;
    REQUIRE(cv::imencode(extension, image, bytes, parameters));
    return {bytes.begin(), bytes.end()};
}

struct Kind {
    const char* name;
    std::string content;
    int tolerance;  // of a grey value
};

std::vector<Kind> kinds() {
    return {{"grey.png", encoded(".png", grey8()), 0},
            {"colour.png", encoded(".png", colour(3)), 1},
            {"alpha.png", encoded(".png", colour(4)), 1},
            {"sixteen.png", encoded(".png", grey16()), 1},
            {"grey.jpg", encoded(".jpg", grey8(), {cv::IMWRITE_JPEG_QUALITY, 100}), 3},
            {"colour.jpg", encoded(".jpg", colour(3), {cv::IMWRITE_JPEG_QUALITY, 100}), 3},
            {"progressive.jpg",
             encoded(".jpg", grey8(), {cv::IMWRITE_JPEG_QUALITY, 100, cv::IMWRITE_JPEG_PROGRESSIVE, 1}), 3},
            {"grey.bmp", encoded(".bmp", grey8()), 0},
            {"colour.bmp", encoded(".bmp", colour(3)), 1},
            {"grey.pgm", encoded(".pgm", grey8()), 0},
            {"text.pgm", encoded(".pgm", grey8(), {cv::IMWRITE_PXM_BINARY, 0}), 0},
            {"colour.ppm", encoded(".ppm", colour(3)), 1},
            {"sixteen.pgm", encoded(".pgm", grey16()), 1},
            {"colour.webp", encoded(".webp", colour(3), {cv::IMWRITE_WEBP_QUALITY, 101}), 1},
            {"colour.tif", encoded(".tif", colour(3)), 1},
            {"sixteen.tif", encoded(".tif", grey16()), 1}};
}

std::string big(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFFu);
    return bytes;
}

std::string bytes_of(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

/// What read_picture throws, whichever of its two errors.
std::string refusal(const std::filesystem::path& path) {
    return message_of<daf::Error>([&] { read_picture(path); });
}

}  // namespace

TEST_CASE("picture: every format and pixel type becomes the same grey picture, whatever the file is called") {
    const ScratchFolder folder;
    const cv::Mat wanted = grey8();
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        for (const char* name : {kind.name, "called otherwise.png"}) {
            const Picture picture = read_picture(folder.file(name, kind.content));
            REQUIRE(picture.width == wanted.cols);
            REQUIRE(picture.height == wanted.rows);
            int worst = 0;
            for (int i = 0; i < wanted.rows * wanted.cols; ++i) {
                const int seen = picture.pixels[static_cast<std::size_t>(i)];
                worst = std::max(worst,
                                 std::abs(seen - wanted.at<std::uint8_t>(i / wanted.cols, i % wanted.cols)));
            }
            CHECK(worst <= kind.tolerance);
        }
    }
}

TEST_CASE("picture: a palette's colours become their luma") {
    const ScratchFolder folder;
    const auto path = folder.file(  // white, red, green, blue
        "palette.png",
        bytes_of("89504e470d0a1a0a0000000d49484452000000020000000202030000000fd8e5b70000000c504c5445ffffff"
                 "ff000000ff000000ff56a526070000000c49444154789c631060d8000000e400c127a8e8570000000049454e"
                 "44ae426082"));
    const Picture picture = read_picture(path);
    REQUIRE(picture.pixels.size() == 4);
    const int wanted[] = {255, 76, 150, 29};  // 0.299 R + 0.587 G + 0.114 B
    for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(picture.pixels[i] - wanted[i]) <= 1);
}

TEST_CASE("picture: an image cut short anywhere is refused in one line that names the file") {
    const ScratchFolder folder;
    for (const Kind& kind : kinds()) {
        for (std::size_t left = 0; left < kind.content.size(); left += left < 64 ? 1 : 37) {
            const auto path = folder.file(kind.name, kind.content.substr(0, left));
            const std::string said = refusal(path);
            CAPTURE(kind.name);
            CAPTURE(left);
            CHECK(said.starts_with(path.string() + ": expected a"));
            CHECK(contains(said, ", found "));
        }
        // A last byte of padding is not missed by every format, the last two of a JPEG are its end marker.
        if (contains(kind.name, ".jpg")) {
            const auto path = folder.file(kind.name, kind.content.substr(0, kind.content.size() - 2));
            CHECK(contains(refusal(path), "expected a whole JPEG image, found one whose end is missing"));
            CHECK_NOTHROW(read_picture(folder.file(kind.name, kind.content + "something behind it")));
        }
    }
}

TEST_CASE("picture: a JPEG's thumbnail does not pass for its end") {
    const ScratchFolder folder;
    const std::string image = encoded(".jpg", grey8()), thumbnail = encoded(".jpg", grey8());
    const auto length = static_cast<std::uint32_t>(thumbnail.size() + 2);
    const std::string segment = "\xFF\xE1" + big(length).substr(2) + thumbnail;
    const std::string whole = image.substr(0, 2) + segment + image.substr(2);
    CHECK(read_picture(folder.file("a.jpg", whole)).width == 30);
    CHECK(
        contains(refusal(folder.file("a.jpg", whole.substr(0, whole.size() - 90))), "whose end is missing"));
}

TEST_CASE("picture: a header of 10^5 x 10^5 pixels is refused before memory is taken") {
    const ScratchFolder folder;
    const std::string png = "\x89PNG\r\n\x1A\n" + big(13) + "IHDR" + big(100000) + big(100000);
    const std::string size_le = bytes_of("a0860100");
    const std::string tiff = std::string("II*\0\x08\0\0\0\x02\0", 10) +
                             std::string("\0\x01\x04\0\x01\0\0\0", 8) + size_le +
                             std::string("\x01\x01\x04\0\x01\0\0\0", 8) + size_le + std::string(64, '\0');
    const std::vector<std::pair<const char*, std::string>> files{
        {"a.png", png + std::string(100, '\0')},
        {"a.pgm", "P5\n# a comment of 9 words\n100000 100000\n255\n"},
        {"a.bmp",
         "BM" + std::string(12, '\0') + bytes_of("28000000") + size_le + size_le + std::string(99, '\0')},
        {"upside-down.bmp", "BM" + std::string(12, '\0') + bytes_of("28000000") + size_le +
                                bytes_of("6079feff") + std::string(99, '\0')},
        {"a.tif", tiff}};
    for (const auto& [name, content] : files) {
        const std::string said = refusal(folder.file(name, content));
        CAPTURE(said);
        CHECK(contains(said, std::string(name) + ": expected at most 64 megapixels, found a "));
        CHECK(contains(said, "header of 100000 x 100000 pixels"));
    }
    CHECK(contains(refusal(folder.file("a.jpg", bytes_of("ffd8ffc0001108ffffffff03011100021100031100ffd9"))),
                   "a JPEG header of 65535 x 65535 pixels"));
    CHECK(contains(refusal(folder.file("a.webp", "RIFF" + std::string(4, '\x10') + "WEBPVP8X" +
                                                     std::string(8, '\0') + bytes_of("9f86019f8601"))),
                   "a WebP header of 100000 x 100000 pixels"));
}

TEST_CASE("picture: a header that names two sizes is refused by the one that the decoder takes") {
    const ScratchFolder folder;
    const std::string large_frame = "ffc0001108ffffffff03011100021100031100";
    const std::string small_frame = "ffc00011080008000803011100021100031100";
    const std::string scan = "ffda000c03010002000300003f00";
    const auto tiff = [](std::string_view entries) {
        return std::string("II*\0\x08\0\0\0\x04\0", 10) + bytes_of(entries) + std::string(64, '\0');
    };
    const std::string large = "0001040001000000a08601000101040001000000a0860100";
    const std::string small = "00010400010000001e000000010104000100000014000000";
    const std::string eight_bytes = "00011000010000001e000000010110000100000014000000";  // at 30 and at 20
    struct Case {
        const char* name;
        std::string content, found;
    };
    const std::vector<Case> cases{
        {"behind the scan.jpg", bytes_of("ffd8" + large_frame + scan + small_frame + "ffd9"),
         "a JPEG header of 65535 x 65535 pixels"},
        {"in no segment.jpg", bytes_of("ffd8ff010015" + large_frame + scan + small_frame + "ffd9"),
         "a JPEG header of 65535 x 65535 pixels"},
        {"twice.tif", tiff(large + small), "a TIFF header of 100000 x 100000 pixels"},
        {"elsewhere.tif", tiff(eight_bytes), "a damaged or truncated one without a size"},
        {"comment.pgm", "P5\n# ends here\r100000 100000 255\n3 2\n255\n",
         "a PGM/PPM header of 100000 x 100000 pixels"},
        {"no comment.pgm", "P5\n100000#100000 255\n1 255\n", "a PGM/PPM header of 100000 x 100000 pixels"},
        {"bare.webp",
         "RIFF" + std::string("\x60\0\0\0", 4) + "WEBP" + bytes_of("2fffffff0f") + std::string(99, '\1'),
         "a damaged or truncated one without a size"}};
    for (const Case& hostile : cases) {
        const std::string said = refusal(folder.file(hostile.name, hostile.content));
        CAPTURE(said);
        CHECK(contains(said, std::string(hostile.name) + ": expected "));
        CHECK(contains(said, ", found " + hostile.found));
    }
}

TEST_CASE("picture: a PGM or PPM is read in its own range or refused, never darkened") {
    const ScratchFolder folder;
    const std::vector<std::uint8_t> wanted{0, 85, 170, 255};
    for (const std::string text :
         {"P2 4 1 15\n0 5 10 15\n", "P2 4 1 3 0 1 2 3\n", "P3 4 1 15 0 0 0 5 5 5 10 10 10 15 15 15\n"}) {
        CAPTURE(text);
        CHECK(read_picture(folder.file("a.pgm", text)).pixels == wanted);
    }
    const std::vector<std::pair<std::string, int>> files{
        {"P5 4 1 15\n" + bytes_of("00050a0f"), 15},
        {"P6 1 1 15\n" + bytes_of("0f0f0f"), 15},
        {"P5 1 1 254\n" + bytes_of("fe"), 254},
        {"P2 4 1 4095\n0 1365 2730 4095\n", 4095},
        {"P3 1 1 4095\n4095 4095 4095\n", 4095},
        {"P5 # a comment\r1 1 4095\n" + bytes_of("0fff"), 4095},
        {"P6 1 1 4095\n" + bytes_of("0fff0fff0fff"), 4095},
        {"P2 1 1 256\n256\n", 256}};
    for (const auto& [content, maximum] : files) {
        const auto path = folder.file("a.pgm", content);
        CHECK(refusal(path) ==
              path.string() + ": expected a maximum of 255 or 65535 in a PGM/PPM image, found " +
                  std::to_string(maximum) + ". Convert the image to a maximum of 255 or remove it.");
    }
    CHECK(contains(refusal(folder.file("a.pgm", "P5 1 1 0\nx")), "expected a whole PGM/PPM image"));
    CHECK(read_picture(folder.file("a.pbm", "P1 3 1\n0 1 0\n")).pixels ==
          std::vector<std::uint8_t>{255, 0, 255});
}

TEST_CASE("picture: what is no image is called by its name") {
    const ScratchFolder folder;
    CHECK(contains(refusal(folder.file("a.png", "")),
                   "a.png: expected a JPEG, PNG, BMP, PGM/PPM, WebP or TIFF image, "
                   "found an empty file"));
    CHECK(contains(refusal(folder.file("a.png", "once upon a time\n")), "found text"));
    CHECK(contains(refusal(folder.file("a.png", "GIF89a")), "found a GIF image"));
    CHECK(contains(refusal(folder.file("a.png", std::string("\0\x01\x02\xFF", 4))), "the bytes 00 01 02 ff"));
    CHECK(contains(refusal(folder / "none.png"), "none.png: No such file"));

    std::filesystem::create_directory(folder / "folder.png");
    CHECK(contains(refusal(folder / "folder.png"), "Name a file, not a folder"));
    REQUIRE(::mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
    CHECK(contains(refusal(folder / "pipe.png"), "it is not a regular file"));
    std::filesystem::create_symlink("loop.png", folder / "loop.png");
    CHECK(contains(refusal(folder / "loop.png"), "loop.png: Too many levels of symbolic links"));
    const auto sparse = folder.file("sparse.png", "x");
    std::filesystem::resize_file(sparse, daf_cnn::largest_picture_file + 1);
    CHECK(contains(refusal(sparse), "expected at most 268435456 bytes, found 268435457"));
}

TEST_CASE("picture: decoders print nothing on standard error, and it is there again afterwards") {
    const ScratchFolder folder;
    const std::string png = encoded(".png", grey8());
    std::string damaged = png;
    damaged[png.size() / 2] = static_cast<char>(damaged[png.size() / 2] ^ 0x55);
    const auto path = folder.file("a.png", damaged);
    const std::filesystem::path said = folder / "stderr";
    const int saved = ::dup(STDERR_FILENO), file = ::open(said.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(file, STDERR_FILENO);
    const std::string message = refusal(path);
    REQUIRE(::write(STDERR_FILENO, "back", 4) == 4);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    ::close(file);
    CHECK(contains(message, "damaged"));
    CHECK(daf_test::content_of(said) == "back");
}

TEST_CASE("picture: the largest centred square, resampled") {
    // Columns 0 to 5 of two rows: columns 2 and 3 are the square.
    const Picture wide{6, 2, {0, 0, 10, 20, 0, 0, 0, 0, 30, 40, 0, 0}};
    CHECK(square_of(wide, 2) == std::vector<std::uint8_t>{10, 20, 30, 40});
    CHECK(square_of(wide, 1) == std::vector<std::uint8_t>{25});  // the mean of all four
    const Picture tall{2, 4, {0, 0, 10, 20, 30, 40, 0, 0}};
    CHECK(square_of(tall, 2) == std::vector<std::uint8_t>{10, 20, 30, 40});
    const Picture step{2, 2, {0, 200, 0, 200}};
    const auto larger = square_of(step, 4);  // pixel centres at halves: 0, 50, 150, 200
    for (std::size_t y = 0; y < 4; ++y) {
        CHECK(larger[4 * y + 1] == 50);
        CHECK(larger[4 * y + 2] == 150);
    }
}

TEST_CASE("picture: a PNG that is written is read again") {
    const ScratchFolder folder;
    const Picture picture{3, 2, {0, 50, 100, 150, 200, 250}};
    const auto png = daf_cnn::encode_png(picture.pixels, 3, 2);
    const auto path =
        folder.file("a.png", std::string_view(reinterpret_cast<const char*>(png.data()), png.size()));
    CHECK(read_picture(path).pixels == picture.pixels);
    CHECK_THROWS_AS(daf_cnn::encode_png(picture.pixels, 3, 3), daf::ArgumentError);
    CHECK_THROWS_AS(daf_cnn::encode_png(picture.pixels, 0, 2), daf::ArgumentError);
}
