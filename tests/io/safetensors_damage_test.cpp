// What a careless disk or a hostile hand makes of a safetensors file: typed errors that say where, never
// worse.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <daf/core/random.hpp>
#include <daf/io/safetensors.hpp>

#include "small_safetensors.hpp"
#include "support/scratch_folder.hpp"

namespace {

using daf_test::bytes_of;
using daf_test::contains;
using daf_test::file_from_python;
using daf_test::file_of;
using daf_test::message_of;
using daf_test::ScratchFolder;
using daf_test::small_safetensors;
using daf_test::text_of;

std::string header_with(std::string_view entry) {
    return "{\"w\":" + std::string(entry) + "}";
}

std::string times(std::string_view text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
}

/// The message with which such a file is refused.
std::string refusal(std::string_view header, std::size_t data_bytes = 0) {
    const std::string file = file_of(header, data_bytes);
    return message_of<daf::FormatError>([&] { daf::parse_safetensors(bytes_of(file), "f"); });
}

/// Reads every byte of every tensor, so that a sanitizer sees a view that is too long.
std::size_t touch(const daf::Safetensors& file) {
    std::size_t sum = 0;
    for (const auto& tensor : file.tensors()) {
        for (const std::byte b : tensor.bytes) sum += std::to_integer<std::size_t>(b);
    }
    return sum;
}

/// Whether the bytes are refused with one of daf's errors; any other exception ends the test.
bool refused(std::string_view file, daf::ChecksumPolicy policy) {
    try {
        touch(daf::parse_safetensors(bytes_of(file), "mutant", policy));
        return false;
    } catch (const daf::Error&) {
        return true;
    }
}

}  // namespace

TEST_CASE("safetensors: headers that are refused, and where") {
    const auto tensor = [](std::string_view members) { return header_with(members); };
    struct Case {
        std::string header;
        std::size_t data_bytes;
        std::string message;
    };
    const std::vector<Case> cases{
        {"", 0, "f: header byte 8: expected an object, which begins with '{', found its end"},
        {"[]", 0, "header byte 8: expected an object"},
        {"{", 0, "header byte 9: expected a string"},
        {"{} x", 0, "header byte 11: expected the end of the header, padded with spaces, found 'x'"},
        {std::string("{}\0", 3), 0, "header byte 10: expected the end of the header"},
        {"{\"a\" 1}", 0, "header byte 13: expected ':' after a key, found '1}'"},
        {"{\"w\":" + std::string(1'000'000, '['), 0, "header byte 13: expected an object"},
        {std::string(1'000'000, '{'), 0, "header byte 9: expected a string"},
        {tensor("1"), 0, "header byte 13: expected an object"},
        {tensor("{}"), 0, "expected dtype, shape and data_offsets in tensor 'w', found 0 of them"},
        {tensor(R"({"dtype":"F32","shape":[1]})"), 4, "found 2 of them"},
        {tensor(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})"), 4,
         "header byte 22: expected an element type such as F32 or I64, found 'F31'"},
        {tensor(R"({"dtype":4,"shape":[1],"data_offsets":[0,4]})"), 4, "expected a string"},
        {tensor(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), 4,
         "expected an integer from 0 to 2^64 - 1"},
        {tensor(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})"), 4, "found '1.0]"},
        {tensor(R"({"dtype":"F32","shape":[1e0],"data_offsets":[0,4]})"), 4, "found '1e0]"},
        {tensor(R"({"dtype":"F32","shape":[01],"data_offsets":[0,4]})"), 4, "found '01]"},
        {tensor(R"({"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]})"), 4,
         "found '184467"},
        {tensor(R"({"dtype":"F32","shape":[1,],"data_offsets":[0,4]})"), 4, "expected an integer"},
        {tensor(R"({"dtype":"F32","shape":[[1]],"data_offsets":[0,4]})"), 4, "expected an integer"},
        {tensor(R"({"dtype":"F32","shape":[1 2],"data_offsets":[0,4]})"), 4,
         "expected ',' or ']' after an element"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"), 4, "expected two data_offsets"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8,12]})"), 4, "found more numbers"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1})"), 4, "found 'more'"},
        {tensor(R"({"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 4,
         "the key 'dtype' again"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"), 8,
         "f: tensor 'w': expected data_offsets 4 bytes apart for F32 of shape [1], found [0, 8]"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), 4,
         "expected data_offsets that begin at 0"},
        {tensor(R"({"dtype":"F32","shape":[0],"data_offsets":[0,18446744073709551615]})"), 4,
         "0 bytes apart"},
        {tensor(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), 0,
         "tensor 'w': expected a size below 2^64 bytes, found F32 of shape [4294967296, 4294967296]"},
        {tensor(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})"), 0,
         "below 2^64 bytes"},
        {tensor(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]})"),
         4, "its end: expected data of 18446744073709551615 bytes after the header, found 4"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 3, "expected data of 4 bytes"},
        {tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 5, "after the header, found 5"},
        {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
         4, "header byte 61: expected each key once, found the key 'a' again"},
        {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
         3, "tensor 'b': expected data_offsets that begin at 2, where the bytes before end, found [1, 3]"},
        {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
         5, "tensor 'b': expected data_offsets that begin at 2, where the bytes before end, found [3, 5]"},
        {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
         R"("b":{"dtype":"U8","shape":[18446744073709551612],"data_offsets":[8,4]}})",
         4, "tensor 'b': expected data_offsets 18446744073709551612 bytes apart"},
        {tensor(R"({"dtype":"U8","shape":[1)" + times(",1", 64) + R"(],"data_offsets":[0,1]})"), 1,
         "expected at most 64 extents in tensor 'w', found more"},
        {tensor(R"({"dtype":"U8","shape":[1)" + times(",1", 63) + R"(],"data_offsets":[0,2]})"), 2,
         "U8 of shape [1, 1, 1, 1, 1, 1, 1, 1, ...]"},
        {R"({"__metadata__":{"epoch":3}})", 0, "header byte 33: expected a string"},
        {R"({"__metadata__":null})", 0, "header byte 24: expected an object"},
        {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "the key 'a' again"},
        {R"({"__metadata__":{"daf.checksum":"12"}})", 0,
         "expected a checksum of 16 lower-case hexadecimal digits"},
        {R"({"__metadata__":{"daf.checksum":"0123456789ABCDEF"}})", 0, "lower-case hexadecimal digits"},
        {R"({"__metadata__":{"daf.checksum":"\u0030123456789abcdef"}})", 0, "lower-case hexadecimal digits"},
        {R"({"__metadata__":{"daf.checksum":"0123456789abcdef"}})", 0, "expected 0123456789abcdef, found "},
    };
    for (const Case& c : cases) {
        CAPTURE(c.header.substr(0, 120));
        const std::string message = refusal(c.header, c.data_bytes);
        CAPTURE(message);
        CHECK(contains(message, c.message));
        CHECK(contains(message, "take another copy"));
    }
}

TEST_CASE("safetensors: texts in a header") {
    const auto value = [](std::string_view text) {
        const std::string file = file_of(R"({"__metadata__":{"k":")" + std::string(text) + R"("}})");
        return daf::parse_safetensors(bytes_of(file), "f").metadata("k");
    };
    CHECK(value(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
    CHECK(value(R"(\u0041\u00e9\u20AC\ud83d\ude00)") == "Aé€😀");
    CHECK(value("é€😀") == "é€😀");
    CHECK(value("\x7F") == "\x7F");
    CHECK(value("\xF4\x8F\xBF\xBF\xED\x9F\xBF") ==
          "\xF4\x8F\xBF\xBF\xED\x9F\xBF");  // the last of their kinds
    for (const std::string_view bad : {"\xFF",
                                       "\x80",
                                       "\xC0\xAF",
                                       "\xC1\x81",
                                       "\xE0\x80\x80",
                                       "\xED\xA0\x80",
                                       "\xF0\x80\x80\x80",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xC3",
                                       "\xE2\x82",
                                       "\xF0\x9F\x98",
                                       "\n",
                                       "\x1F",
                                       R"(\x)",
                                       R"(\u12)",
                                       R"(\u12g4)",
                                       R"(\U0041)",
                                       R"(\ud83d)",
                                       R"(\ud83dx)",
                                       R"(\ud83d\n)",
                                       R"(\ud83d\u0041)",
                                       R"(\ude00)",
                                       R"(\u+123)",
                                       "\\"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(value(bad), daf::FormatError);
    }
    CHECK_THROWS_AS(value(std::string_view("\0", 1)), daf::FormatError);
    CHECK_THROWS_AS(value(std::string_view("\\\0", 2)), daf::FormatError);
}

TEST_CASE("safetensors: lengths of the header that are refused") {
    const auto message = [](std::string_view file) {
        return message_of<daf::FormatError>([&] { daf::parse_safetensors(bytes_of(file), "f"); });
    };
    CHECK(contains(message(""), "f: byte 0: expected the header's length in 8 bytes, found 0 bytes"));
    std::string file = file_of("{}");
    file[0] = 3;
    CHECK(contains(message(file), "byte 0: expected a safetensors header's length of at most 2, found 3"));
    file[7] = '\x80';
    CHECK(contains(message(file), "found 9223372036854775811"));
    CHECK(contains(message("a,b\n1,2\n3,4\n"), "found the text 'a,b?1,2?'"));
    CHECK(contains(message("PK,a,b,c"), "found the text 'PK,a,b,c'"));
    CHECK(contains(message(std::string("PK\3\4\0\0\10\10", 8)),
                   "found a zip archive, as torch.save writes it"));
    std::string long_header = "{}";
    long_header.resize(100'000'001, ' ');
    CHECK(contains(refusal(long_header), "expected a safetensors header's length of at most 100000000"));
}

TEST_CASE("safetensors: a file cut anywhere, or longer, is refused") {
    const ScratchFolder folder;
    const std::string file = small_safetensors(folder);
    for (std::size_t size = 0; size < file.size(); ++size) {
        CAPTURE(size);
        CHECK(refused(file.substr(0, size), daf::ChecksumPolicy::if_present));
        std::filesystem::resize_file(folder.file("cut", file), size);
        CHECK_THROWS_AS(daf::read_safetensors(folder / "cut"), daf::FormatError);
    }
    CHECK(refused(file + '\0', daf::ChecksumPolicy::if_present));
}

TEST_CASE("safetensors: with a checksum demanded, every altered byte is noticed") {
    const ScratchFolder folder;
    const std::string file = small_safetensors(folder);
    REQUIRE(!refused(file, daf::ChecksumPolicy::required));
    std::size_t unnoticed = 0;
    for (std::size_t i = 0; i < file.size(); ++i) {
        for (int value = 0; value < 256; ++value) {
            std::string altered = file;
            altered[i] = static_cast<char>(value);
            if (altered == file) continue;
            if (!refused(altered, daf::ChecksumPolicy::required)) ++unnoticed;
        }
    }
    CHECK(unnoticed == 0);
}

TEST_CASE("safetensors: random damage never does more than a typed error") {
    const ScratchFolder folder;
    const std::array<std::string, 2> originals{small_safetensors(folder), text_of(file_from_python())};
    daf::RandomSequence random({daf::Seed{20}});
    constexpr std::string_view telling = "{}[]\",:\\u0123456789eE.-\x00\xFF ";
    std::array<int, 2> accepted{};
    for (int round = 0; round < 20'000; ++round) {
        const std::size_t which = random.below(2);
        std::string file = originals[which];
        for (std::uint32_t edits = 1 + random.below(4); edits > 0; --edits) {
            const std::size_t at = random.below(static_cast<std::uint32_t>(file.size()));
            const std::size_t length = 1 + random.below(16);
            switch (random.below(5)) {
                case 0: file[at] = static_cast<char>(random.below(256)); break;
                case 1: file[at] = telling[random.below(static_cast<std::uint32_t>(telling.size()))]; break;
                case 2: file.erase(at, length); break;
                case 3:
                    file.insert(at, file.substr(random.below(static_cast<std::uint32_t>(at + 1)), length));
                    break;
                default:
                    file.insert(at, 1, telling[random.below(static_cast<std::uint32_t>(telling.size()))]);
            }
            if (file.empty()) file = "x";
        }
        const auto policy = which == 0 ? daf::ChecksumPolicy::required : daf::ChecksumPolicy::if_present;
        if (file != originals[which] && !refused(file, policy)) ++accepted[which];
    }
    CHECK(accepted[0] == 0);
    CHECK(accepted[1] >
          0);  // altered data is data where no checksum stands: the mutants do reach the reader's end
}
