// The safetensors writer and reader: what is written comes back, also from and to Python.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

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

}  // namespace

TEST_CASE("checksum: the published check value, in one piece and in pieces") {
    const std::string_view digits = "123456789";
    CHECK(daf::checksum(bytes_of(digits)) == 0x995DC9BBDF1939FAu);
    CHECK(daf::checksum({}) == 0);
    const std::string text = "a text of more than sixteen bytes, read by eights and by ones";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        daf::Checksum sum;
        sum.add(bytes_of(text).first(cut));
        sum.add(bytes_of(text).subspan(cut));
        CHECK(sum.value() == daf::checksum(bytes_of(text)));
    }
    daf::Checksum sum;
    sum.add(bytes_of(digits));
    CHECK(sum.hex() == "995dc9bbdf1939fa");
}

TEST_CASE("safetensors: what is written comes back") {
    const ScratchFolder folder;
    const std::string text = small_safetensors(folder);
    const daf::Safetensors file = daf::read_safetensors(folder / "small", daf::ChecksumPolicy::required);

    REQUIRE(file.tensors().size() == 3);
    CHECK(file.tensors()[0].name == "large");  // widest elements first, so that all are aligned in the file
    CHECK(file.tensors()[1].name == "a/ä\"");
    CHECK(file.tensors()[2].name == "small");
    CHECK(file.values<std::int64_t>("large", {})[0] == -5);
    CHECK(file.values<float>("a/ä\"", {1, 3})[2] == 0.25f);
    CHECK(file.values<std::uint8_t>("small")[1] == 2);
    CHECK(file.tensor("small").shape == daf::TensorShape{3});
    CHECK(file.find("none") == nullptr);
    CHECK(file.metadata("text") == "line\nbreak \\ \x01");
    CHECK(file.metadata().size() == 3);

    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, text.data(), sizeof header_bytes);
    CHECK(header_bytes % 8 == 0);
    CHECK(text.size() == 8 + header_bytes + 8 + 12 + 3);
}

TEST_CASE("safetensors: the same content gives the same bytes, and a copy of a file is the file") {
    const ScratchFolder folder;
    const std::string text = small_safetensors(folder);
    CHECK(small_safetensors(folder) == text);
    const daf::Safetensors file = daf::read_safetensors(folder / "small");
    const std::string sum = daf::write_safetensors(folder / "copy", file.tensors(), file.metadata());
    CHECK(text_of(folder / "copy") == text);
    CHECK(sum == file.metadata(daf::checksum_key));
}

TEST_CASE("safetensors: the checksum is CRC-64/XZ of the file with its own digits as zeros") {
    const ScratchFolder folder;
    std::string text = small_safetensors(folder);
    const std::string key = R"("daf.checksum":")";
    const std::size_t digits = text.find(key) + key.size();
    const std::string recorded = text.substr(digits, 16);
    text.replace(digits, 16, 16, '0');
    daf::Checksum sum;
    sum.add(bytes_of(text));
    CHECK(sum.hex() == recorded);
}

TEST_CASE("safetensors: another program's `checksum` is a text like any other") {
    const ScratchFolder folder;
    const daf::Metadata theirs{{"checksum", "sha256:00"}, {"note", "0123456789abcdef"}};
    daf::write_safetensors(folder / "theirs", {}, theirs);
    const daf::Safetensors file = daf::read_safetensors(folder / "theirs", daf::ChecksumPolicy::required);
    CHECK(file.metadata("checksum") == "sha256:00");
}

TEST_CASE("safetensors: no tensors, empty tensors") {
    const ScratchFolder folder;
    daf::write_safetensors(folder / "none", {});
    CHECK(daf::read_safetensors(folder / "none").tensors().empty());
    const std::span<const double> nothing;
    daf::write_safetensors(folder / "empty", {daf::named_tensor<double>("a", {0, 7}, nothing),
                                              daf::named_tensor<double>("b", {0}, nothing)});
    const daf::Safetensors file = daf::read_safetensors(folder / "empty");
    CHECK(file.values<double>("a", {0, 7}).empty());
    CHECK(file.values<double>("b").empty());
}

TEST_CASE("safetensors: views survive a move of their owner") {
    const ScratchFolder folder;
    small_safetensors(folder);
    daf::Safetensors file = daf::read_safetensors(folder / "small");
    const std::span<const float> before = file.values<float>("a/ä\"");
    const daf::Safetensors moved = std::move(file);
    CHECK(moved.values<float>("a/ä\"").data() == before.data());
    CHECK(before[0] == 1.5f);
}

TEST_CASE("safetensors: a file that Python wrote") {
    const auto& path = file_from_python();
    const daf::Safetensors file = daf::read_safetensors(path);
    CHECK(file.tensors().size() == 11);
    const auto weight = file.values<float>("layer.weight", {2, 3});
    for (std::size_t i = 0; i < 6; ++i) CHECK(weight[i] == 0.5f * static_cast<float>(i) - 1.0f);
    const auto doubles = file.values<double>("layer.double", {4});
    for (std::size_t i = 0; i < 4; ++i) CHECK(doubles[i] == static_cast<double>(i) / 3.0);
    CHECK(file.values<std::int64_t>("steps")[0] == -1);
    CHECK(file.values<std::int64_t>("steps")[1] == std::int64_t{1} << 40);
    CHECK(file.values<std::uint64_t>("seed")[0] == std::numeric_limits<std::uint64_t>::max());
    CHECK(file.values<std::int32_t>("classes", {3})[2] == -7);
    CHECK(file.values<std::uint8_t>("pixels", {3})[2] == 255);
    CHECK(file.values<float>("scalar", {})[0] == 2.5f);
    CHECK(file.values<float>("empty", {0, 4}).empty());
    CHECK(file.values<std::int16_t>("größe/名")[0] == 7);
    CHECK(file.tensor("mask").dtype == daf::Dtype::BOOL);
    CHECK(file.tensor("half").dtype == daf::Dtype::F16);
    CHECK(file.tensor("half").bytes[1] == std::byte{0x3C});
    CHECK(file.metadata("note") == "quotes \" and \\, a\ttab, an é and a 😀");
    CHECK(contains(
        message_of<daf::FormatError>([&] { daf::read_safetensors(path, daf::ChecksumPolicy::required); }),
        "safetensors_from_python.safetensors: metadata 'daf.checksum': expected a checksum, as daf writes "
        "it, found none"));
}

TEST_CASE("safetensors: elements are aligned in memory even where they are not in the file") {
    const std::string file = file_of(
        R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F64","shape":[1],"data_offsets":[3,11]}})",
        11);
    const daf::Safetensors read = daf::parse_safetensors(bytes_of(file), "f");
    CHECK(reinterpret_cast<std::uintptr_t>(read.values<double>("b").data()) % alignof(double) == 0);
    CHECK(read.values<std::uint8_t>("a")[2] == 1);
}

TEST_CASE("safetensors: another tensor than the one asked for") {
    const ScratchFolder folder;
    small_safetensors(folder);
    const daf::Safetensors file = daf::read_safetensors(folder / "small");
    const std::string place = (folder / "small").string() + ": tensor 'small': expected ";
    CHECK(contains(message_of<daf::MismatchError>([&] { file.values<float>("small"); }),
                   place + "F32, found U8"));
    CHECK(contains(message_of<daf::MismatchError>([&] {
                       file.values<std::uint8_t>("small", {1, 3});
                   }),
                   place + "U8 of shape [1, 3], found U8 of shape [3]"));
    CHECK(contains(message_of<daf::MismatchError>([&] { file.tensor("fc.bias"); }),
                   "tensor 'fc.bias': expected a tensor of that name, found none"));
    CHECK(contains(message_of<daf::MismatchError>([&] { file.metadata("architecture"); }),
                   "metadata 'architecture': expected an entry of that key, found none"));
}

TEST_CASE("safetensors: what cannot be written, and that nothing is then") {
    const ScratchFolder folder;
    const auto path = folder / "out";
    const std::array<float, 2> two{};
    const auto message = [&](std::vector<daf::NamedTensor> tensors, daf::Metadata metadata = {}) {
        return message_of<daf::ArgumentError>([&] { daf::write_safetensors(path, tensors, metadata); });
    };
    CHECK(contains(message({daf::named_tensor<float>("w", {3}, two)}),
                   "tensor 'w': expected 12 bytes for F32 of shape [3], found 8"));
    CHECK(contains(message({daf::named_tensor<float>("w", {1ull << 62, 8}, two)}), "under 2^64 bytes"));
    daf::TensorShape long_shape(65, 1);
    long_shape[0] = 2;
    CHECK(contains(message({daf::named_tensor<float>("w", long_shape, two)}),
                   "tensor 'w': expected at most 64 extents, found 65"));
    CHECK(
        contains(message({daf::named_tensor<float>("w", {2}, two), daf::named_tensor<float>("w", {2}, two)}),
                 "tensor 'w': expected each name once"));
    CHECK(contains(message({daf::named_tensor<float>("__metadata__", {2}, two)}), "the name is reserved"));
    CHECK(contains(message({daf::named_tensor<float>("\xFF", {2}, two)}), "must be UTF-8"));
    CHECK(contains(message({}, {{"key", "\xC3"}}), "must be UTF-8"));
    CHECK(folder.entries() == 0);
    CHECK(contains(message_of<daf::FileError>([&] { daf::read_safetensors(path); }),
                   "cannot open " + path.string()));
}

TEST_CASE("safetensors: a failed write leaves the old file") {
    const ScratchFolder folder;
    const std::string file = small_safetensors(folder);
    const std::array<float, 2> two{};
    CHECK_THROWS_AS(daf::write_safetensors(folder / "small", {daf::named_tensor<float>("w", {3}, two)}),
                    daf::ArgumentError);
    CHECK(text_of(folder / "small") == file);
}

namespace {

template <class File>
concept HandsOutValues = requires(File&& file) {
    std::forward<File>(file).template values<float>("a");
};
static_assert(HandsOutValues<const daf::Safetensors&>);
static_assert(!HandsOutValues<daf::Safetensors>);  // its values would be gone

}  // namespace
