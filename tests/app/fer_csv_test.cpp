// FER2013's CSV: every layout that is accepted, and where each fault is reported.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <daf/core/error.hpp>
#include <daf/core/random.hpp>

#include "data/fer_csv.hpp"
#include "support/scratch_folder.hpp"

namespace {

using daf_cnn::FerCsvOptions;
using daf_cnn::read_fer_csv;
using daf_cnn::Split;
using daf_cnn::Splits;
using daf_test::contains;
using daf_test::message_of;
using daf_test::ScratchFolder;

constexpr std::string_view header = "emotion,pixels,Usage\n";

std::uint8_t expected_pixel(std::size_t image, std::size_t i) {
    return static_cast<std::uint8_t>((i * 7 + image * 31) % 256);
}

/// The pixels of an image, told from others by its number; count: how many are written.
std::string pixels(std::size_t image, std::size_t count = 2304) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "" : " ") + std::to_string(expected_pixel(image, i));
    }
    return text;
}

std::string row(int label, std::size_t image, std::string_view usage = "Training") {
    return std::to_string(label) + "," + pixels(image) + "," + std::string(usage) + "\n";
}

const FerCsvOptions only_train{{Split::train}, std::nullopt};

Splits read(const ScratchFolder& folder, std::string_view content,
            const FerCsvOptions& options = only_train) {
    return read_fer_csv(folder.file("faces.csv", content), options);
}

/// The message with which such a file is refused, without the folder's name.
std::string refusal(std::string_view content, const FerCsvOptions& options = only_train) {
    const ScratchFolder folder;
    const std::string message = message_of<daf::FormatError>([&] { read(folder, content, options); });
    const std::string before = folder.path().string() + "/";
    return message.starts_with(before) ? message.substr(before.size()) : message;
}

/// Whether the set holds these labels and, one after another, the images of these numbers.
bool holds(const daf_cnn::Dataset& data, const std::vector<std::int32_t>& labels,
           const std::vector<std::size_t>& images) {
    if (data.side != 48 || data.labels != labels || data.images.size() != images.size() * 2304) return false;
    for (std::size_t n = 0; n < images.size(); ++n) {
        for (std::size_t i = 0; i < 2304; ++i) {
            if (data.image(n)[i] != expected_pixel(images[n], i)) return false;
        }
    }
    return true;
}

}  // namespace

TEST_CASE("fer_csv: splits, labels and pixels") {
    const ScratchFolder folder;
    const std::string content = std::string(header) + row(3, 0) + row(0, 1, "PublicTest") + row(6, 2) +
                                row(5, 3, "PrivateTest") + row(1, 4, "PublicTest");
    const Splits splits = read(folder, content, {{Split::train, Split::validation, Split::test}, {}});
    CHECK(holds(splits.train, {3, 6}, {0, 2}));
    CHECK(holds(splits.validation, {0, 1}, {1, 4}));
    CHECK(holds(splits.test, {5}, {3}));
    CHECK(splits.validation.source == (folder / "faces.csv").string() + " (PublicTest)");

    const Splits two = read(folder, content, {});
    CHECK(two.train.size() == 2);
    CHECK(two.validation.size() == 2);
    CHECK(two.test.size() == 0);
}

TEST_CASE("fer_csv: layouts that are accepted") {
    const ScratchFolder folder;
    const auto accepted = [&](const std::string& content) {
        return holds(read(folder, content).train, {3, 4}, {0, 1});
    };
    const std::string p0 = pixels(0);
    const std::string p1 = pixels(1);
    CHECK(accepted(std::string(header) + row(3, 0) + row(4, 1)));
    CHECK(accepted("emotion,pixels,Usage\r\n3," + p0 + ",Training\r\n4," + p1 + ",Training\r\n"));
    CHECK(accepted("\xEF\xBB\xBF" + std::string(header) + row(3, 0) + row(4, 1)));
    CHECK(accepted("emotion,pixels,Usage\n3," + p0 + ",Training\n4," + p1 + ",Training"));
    CHECK(accepted("emotion, Usage, pixels\n3,Training," + p0 + "\n4,Training," + p1 + "\n"));
    CHECK(accepted("\"emotion\",\"pixels\",\"Usage\"\n\"3\",\"" + p0 + "\",\"Training\"\n 4 ,\" " + p1 +
                   " \" , \"Training\"\n"));
    CHECK(accepted("id,Usage,note,pixels,emotion\n1,Training,\"a, \"\"b\"\"\"," + p0 + ",3\n2,Training,," +
                   p1 + ",4\n"));
    CHECK(accepted(std::string(header) + "\n" + row(3, 0) + "\r\n" + row(4, 1) + "\n\n"));
    CHECK(accepted(std::string(header) + row(3, 0) + "4,  " + p1 + "  ,Training\n"));
}

TEST_CASE("fer_csv: the first images of each split") {
    const ScratchFolder folder;
    const std::string content = std::string(header) + row(0, 0) + row(1, 1) + row(2, 2, "PublicTest") +
                                row(3, 3) + row(4, 4, "PublicTest") + row(5, 5, "PublicTest");
    const Splits splits = read(folder, content, {{Split::train, Split::validation}, 2});
    CHECK(holds(splits.train, {0, 1}, {0, 1}));
    CHECK(holds(splits.validation, {2, 4}, {2, 4}));

    // What follows the last image that is wanted is not read.
    CHECK(holds(read(folder, content + "nonsense", {{Split::validation}, 1}).validation, {2}, {2}));
    CHECK(read(folder, content, {{Split::train}, 100}).train.size() == 3);
    CHECK(contains(refusal(content + "nonsense", {{Split::train}, 100}),
                   "faces.csv:8: wrong number of fields"));
}

TEST_CASE("fer_csv: more than the buffer holds at once") {
    const ScratchFolder folder;
    std::string content(header);
    const std::array<std::string, 3> rows{row(0, 0), row(1, 1), row(2, 2)};
    constexpr std::size_t count = 400;  // 3.3 MB: three buffers and a line that straddles each border
    for (std::size_t i = 0; i < count; ++i) content += rows[i % 3];
    REQUIRE(content.size() > 3 * daf_cnn::fer_longest_line);
    std::vector<std::int32_t> labels;
    std::vector<std::size_t> images;
    for (std::size_t i = 0; i < count; ++i) {
        labels.push_back(static_cast<std::int32_t>(i % 3));
        images.push_back(i % 3);
    }
    CHECK(holds(read(folder, content).train, labels, images));
    CHECK(contains(refusal(content + "9," + pixels(0) + ",Training\n"), "faces.csv:402: unknown label"));
}

TEST_CASE("fer_csv: faults of the file and its header") {
    const ScratchFolder folder;
    CHECK(contains(message_of<daf::FileError>([&] { read_fer_csv(folder / "none.csv"); }),
                   "cannot open " + (folder / "none.csv").string() + ": No such file or directory"));
    CHECK(contains(message_of<daf::FileError>([&] { read_fer_csv(folder.path()); }), "Is a directory"));
    CHECK(contains(refusal(""),
                   "faces.csv:1: the header is missing: expected a first line with the columns emotion, "
                   "pixels and Usage, found an empty line or file. Check that it is FER2013's CSV."));
    CHECK(contains(refusal("\xEF\xBB\xBF"), "faces.csv:1: the header is missing"));
    CHECK(contains(refusal("\n" + std::string(header)), "faces.csv:1: the header is missing"));
    CHECK(contains(refusal("pixels,Usage\n"),
                   "faces.csv:1: column 'emotion' is missing: expected a first line with "
                   "the columns emotion, pixels and Usage, found 'pixels,Usage'."));
    CHECK(contains(refusal("emotion,Usage\n"), "column 'pixels' is missing"));
    CHECK(contains(refusal("emotion,pixels,usage\n"), "column 'Usage' is missing"));
    CHECK(contains(refusal(row(3, 0)), "faces.csv:1: column 'emotion' is missing"));
    CHECK(contains(refusal("emotion,pixels,Usage,pixels\n"), "column 'pixels' stands twice"));
    CHECK(contains(refusal(header), "faces.csv: no images: expected rows with Usage Training, found none. "));
    CHECK(contains(refusal(std::string(header) + row(3, 0), {{Split::train, Split::test}, {}}),
                   "expected rows with Usage PrivateTest, found none"));
}

TEST_CASE("fer_csv: faults of a row") {
    struct Case {
        std::string row;
        std::string message;
    };
    const std::string good = pixels(0);
    const std::vector<Case> cases{
        {"3," + pixels(0, 2303) + ",Training\n",
         "wrong number of pixels: expected 2304 (48x48), found 2303. Correct the line or remove it."},
        {"3," + pixels(0, 2305) + ",Training\n",
         "wrong number of pixels: expected 2304 (48x48), found 2305."},
        {"3,,Training\n", "wrong number of pixels: expected 2304 (48x48), found 0."},
        {"3,1 2 x 4,Training\n", "pixel 3: expected a whole number from 0 to 255, found 'x'."},
        {"3,1 2.5,Training\n", "pixel 2: expected a whole number from 0 to 255, found '2.5'."},
        {"3,1\t2,Training\n", "pixel 1: expected a whole number from 0 to 255, found '1?2'."},
        {"3,256 1,Training\n", "pixel 1: expected a whole number from 0 to 255, found '256'."},
        {"3,0 -1,Training\n", "pixel 2: expected a whole number from 0 to 255, found '-1'."},
        {"3,0 +1,Training\n", "pixel 2: expected a whole number from 0 to 255, found '+1'."},
        {"3,99999999999999999999,Training\n",
         "pixel 1: expected a whole number from 0 to 255, found '99999999999999999999'."},
        {"7," + good + ",Training\n", "unknown label: expected an emotion from 0 to 6, found '7'."},
        {"-1," + good + ",Training\n", "unknown label: expected an emotion from 0 to 6, found '-1'."},
        {"happy," + good + ",Training\n", "unknown label: expected an emotion from 0 to 6, found 'happy'."},
        {"3.0," + good + ",Training\n", "unknown label: expected an emotion from 0 to 6, found '3.0'."},
        {"," + good + ",Training\n", "unknown label: expected an emotion from 0 to 6, found ''."},
        {"3," + good + ",Test\n",
         "unknown usage: expected Training, PublicTest or PrivateTest, found 'Test'."},
        {"3," + good + ",training\n", "unknown usage"},
        {"3," + good + "\n", "wrong number of fields: expected 3 as in the header, found 2."},
        {"3," + good + ",Training,more\n", "wrong number of fields: expected 3 as in the header, found 4."},
        {"3\n", "wrong number of fields: expected 3 as in the header, found 1."},
        {"3,\"" + good + ",Training\n", "a quote is not closed: expected '\"' before the line's end"},
        {"3,\"" + good + "\"\",Training\n", "a quote is not closed"},
        {"3,\"" + good + "\"x,Training\n", "text follows a quoted field: expected ',', found 'x,Training'."},
        {std::string("3\0,", 3) + good + ",Training\n",
         "byte 2 of the line is NUL: expected text, found binary data or UTF-16. Save the file as plain "
         "text"},
        {std::string(2'000'000, '1') + "\n",
         "the line is too long: expected at most 1048576 bytes, found more. Check that it is a text file"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row.substr(0, 40));
        // The fault stands on line 4: an empty line counts, and what precedes is sound.
        const std::string content = std::string(header) + row(3, 0) + "\n" + c.row + row(3, 1);
        const std::string message = refusal(content);
        CAPTURE(message);
        CHECK(message.starts_with("faces.csv:4: " + c.message));
        // Its kind says whether one can do without the line.
        FerCsvOptions skipping = only_train;
        skipping.skip_bad = true;
        const ScratchFolder folder;
        bool can_be_left_out = false;
        try {
            read(folder, content);
        } catch (const daf_cnn::BadImage&) {
            can_be_left_out = true;
        } catch (const daf::FormatError&) {
        }
        CHECK(can_be_left_out == refusal(content, skipping).empty());
        // The other splits' rows are checked as well.
        const FerCsvOptions other{{Split::validation}, {}};
        CHECK(refusal(std::string(header) + "\n" + row(3, 0) + c.row, other).starts_with("faces.csv:4: "));
    }
}

TEST_CASE("fer_csv: a file that ends within a line") {
    const std::string whole = std::string(header) + row(3, 0) + row(4, 1);
    const std::size_t last_line = whole.size() - row(4, 1).size();
    // Without its line feed the last line is whole; cut anywhere before, it is reported with a hint.
    for (std::size_t size = last_line + 1; size < whole.size() - 1;) {
        CAPTURE(size);
        const std::string message = refusal(std::string_view(whole).substr(0, size));
        CHECK(message.starts_with("faces.csv:3: "));
        CHECK(contains(message,
                       "The file ends within this line, so it may be truncated: copy or download it again."));
        const bool among_pixels = size > last_line + 20 && size + 40 < whole.size();
        size += among_pixels ? 29u : 1u;
    }
    CHECK(refusal(std::string_view(whole).substr(0, whole.size() - 1)).empty());
}

TEST_CASE("fer_csv: unknown text is shown harmless and short") {
    const std::string message =
        refusal(std::string(header) + "3," + pixels(0) + ",\x1B[31m" + std::string(500, 'u') + "\n");
    CHECK(contains(message, "found '?[31muuu"));
    CHECK(contains(message, "uuu...'"));
    CHECK(message.size() < 250);
}

TEST_CASE("fer_csv: random damage never does more than a typed error") {
    const ScratchFolder folder;
    const std::string whole = std::string(header) + row(3, 0) + row(4, 1, "PublicTest");
    constexpr std::string_view telling = ",\"\n\r \t0123456789-+.eT\x00\xEF\xFF";
    daf::RandomSequence random({daf::Seed{3}});
    std::size_t refused = 0;
    for (int round = 0; round < 1500; ++round) {
        std::string content = whole;
        for (std::uint32_t edits = 1 + random.below(3); edits > 0; --edits) {
            // Half of them where the structure is, not among the many pixels.
            const std::size_t range = random.below(2) == 0 ? 40 : content.size();
            const std::size_t at = random.below(static_cast<std::uint32_t>(range));
            const char c = telling[random.below(static_cast<std::uint32_t>(telling.size()))];
            switch (random.below(3)) {
                case 0: content[at] = c; break;
                case 1: content.insert(at, 1, c); break;
                default: content.erase(at, 1 + random.below(8));
            }
        }
        try {
            const Splits splits = read(folder, content, {});
            REQUIRE(splits.train.images.size() == splits.train.size() * 2304);
        } catch (const daf::FormatError&) {
            ++refused;
        }
    }
    CHECK(refused > 500);
    CHECK(refused < 1500);
}

TEST_CASE("fer_csv: bad lines are left out and counted where that is asked for") {
    const ScratchFolder folder;
    FerCsvOptions options = only_train;
    options.skip_bad = true;
    const std::string content = std::string(header) + row(3, 0) + "9," + pixels(1) + ",Training\n" +
                                row(2, 2) + "1,2 3,Training\n" + row(4, 4, "Trainig") + row(5, 5);
    const Splits splits = read(folder, content, options);
    CHECK(holds(splits.train, {3, 2, 5}, {0, 2, 5}));
    CHECK(splits.train.left_out.images == 3);
    CHECK(contains(splits.train.left_out.first, "faces.csv:3: unknown label"));
    CHECK(contains(refusal("emotion,Usage\n", options), "column 'pixels' is missing"));
    CHECK(contains(refusal(std::string(header) + "9,1,Training\n", options), "no images"));
}

TEST_CASE("fer_csv: where every line is bad, leaving them out leaves nothing, and the first is named") {
    FerCsvOptions options = only_train;
    options.skip_bad = true;
    const std::string message = refusal(std::string(header) + "7,1,Training\n" + "8,1,Training\n", options);
    CHECK(
        message.starts_with("faces.csv: no images: expected rows with Usage Training, found none beside 2 "
                            "bad rows (the first: "));
    CHECK(contains(message, "faces.csv:2: unknown label: expected an emotion from 0 to 6, found '7'. "));
}
