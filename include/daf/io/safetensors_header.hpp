#pragma once
// The table at the front of a safetensors file: what it may say, how it is read and written. No files here.
#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <daf/core/error.hpp>
#include <daf/io/json.hpp>

namespace daf {

/// The element types of safetensors, by their names there.
enum class Dtype { BOOL, U8, I8, F8_E5M2, F8_E4M3, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64 };

/// A tensor's shape as the file has it; empty for a scalar.
using TensorShape = std::vector<std::uint64_t>;

/// The free texts of a file. Ordered, so that the same content gives the same bytes.
using Metadata = std::map<std::string, std::string, std::less<>>;

/// A number as such a text, which Safetensors::number reads back to the same bits.
template <class N>
std::string metadata_text(N number) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    return {text, end};
}

/// The metadata entry that holds a file's checksum: CRC-64/XZ of the whole file with these 16 digits taken as
/// zeros. A name of our own: another program's `checksum` is a note like any other.
inline constexpr std::string_view checksum_key = "daf.checksum";

/// A tensor with a name; the bytes (little-endian, row-major) belong to someone else.
struct NamedTensor {
    std::string name;
    Dtype dtype;
    TensorShape shape;
    std::span<const std::byte> bytes;
};

/// A tensor to be written whose bytes are asked for once, when its turn has come. What `bytes` returns need
/// not outlast the next tensor's turn.
struct TensorSource {
    std::string name;
    Dtype dtype;
    TensorShape shape;
    std::function<std::span<const std::byte>()> bytes;
};

/// C++ types that a tensor's elements can be read as: float, double and the integers, without bool and
/// characters.
template <class T>
concept TensorElement = std::same_as<T, float> || std::same_as<T, double> ||
    (std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && sizeof(T) <= 8);

/// The element type that holds T.
template <TensorElement T>
constexpr Dtype dtype_of() {
    if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? Dtype::F32 : Dtype::F64;
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (sizeof(T)) {
        case 1: return is_signed ? Dtype::I8 : Dtype::U8;
        case 2: return is_signed ? Dtype::I16 : Dtype::U16;
        case 4: return is_signed ? Dtype::I32 : Dtype::U32;
        default: return is_signed ? Dtype::I64 : Dtype::U64;
    }
}

namespace safetensors_detail {

/// The format's own limit, which keeps a damaged length from asking for all memory.
inline constexpr std::uint64_t largest_header = 100'000'000;
/// The bytes before the header: its length, little-endian.
inline constexpr std::size_t prefix_bytes = 8;
inline constexpr std::size_t checksum_digits = 16;
inline constexpr std::string_view metadata_name = "__metadata__";

struct DtypeFacts {
    Dtype dtype;
    std::string_view name;
    std::size_t bytes;
};

/// In the enumeration's order.
inline constexpr std::array<DtypeFacts, 15> dtypes{{{Dtype::BOOL, "BOOL", 1},
                                                    {Dtype::U8, "U8", 1},
                                                    {Dtype::I8, "I8", 1},
                                                    {Dtype::F8_E5M2, "F8_E5M2", 1},
                                                    {Dtype::F8_E4M3, "F8_E4M3", 1},
                                                    {Dtype::I16, "I16", 2},
                                                    {Dtype::U16, "U16", 2},
                                                    {Dtype::F16, "F16", 2},
                                                    {Dtype::BF16, "BF16", 2},
                                                    {Dtype::I32, "I32", 4},
                                                    {Dtype::U32, "U32", 4},
                                                    {Dtype::F32, "F32", 4},
                                                    {Dtype::F64, "F64", 8},
                                                    {Dtype::I64, "I64", 8},
                                                    {Dtype::U64, "U64", 8}}};

constexpr const DtypeFacts& facts(Dtype dtype) {
    return dtypes[static_cast<std::size_t>(dtype)];
}

/// "FILE: PLACE: expected ..., found .... What to do."
[[noreturn]] inline void refuse(std::string_view origin, const std::string& place,
                                const std::string& expected, const std::string& found) {
    throw FormatError(std::string(origin) + ": " + place + ": expected " + expected + ", found " + found +
                      ". The file is damaged or of another format; take another copy or write it anew.");
}

}  // namespace safetensors_detail

/// "F32", "BF16", ...: as the file spells it.
constexpr std::string_view name_of(Dtype dtype) {
    return safetensors_detail::facts(dtype).name;
}

/// Bytes of one element.
constexpr std::size_t size_of(Dtype dtype) {
    return safetensors_detail::facts(dtype).bytes;
}

/// "F32 of shape [2, 3]", for messages; of a long shape, its beginning.
inline std::string describe(Dtype dtype, const TensorShape& shape) {
    constexpr std::size_t most = 8;
    std::string text = std::string(name_of(dtype)) + " of shape [";
    for (std::size_t i = 0; i < std::min(shape.size(), most); ++i) {
        text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    }
    return text + (shape.size() > most ? ", ...]" : "]");
}

/// Bytes of a whole tensor; nothing if 64 bits cannot hold the number.
inline std::optional<std::uint64_t> tensor_bytes(Dtype dtype, const TensorShape& shape) {
    std::uint64_t bytes = size_of(dtype);
    for (const std::uint64_t extent : shape) {
        if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent) return std::nullopt;
        bytes *= extent;
    }
    return bytes;
}

namespace safetensors_detail {

/// A tensor's line in the table: its bytes are [begin, end) of what follows the header.
struct Entry {
    std::string name;
    Dtype dtype = Dtype::F32;
    TensorShape shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct Header {
    std::vector<Entry> entries;  // in the order of their bytes
    Metadata metadata;
    std::optional<std::size_t> checksum_at;  // where the checksum's digits stand in the header's text
    std::uint64_t data_bytes = 0;
};

inline Dtype parse_dtype(json::Reader& reader) {
    const std::size_t start = reader.position();
    const std::string name = reader.string();
    const auto found =
        std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& d) { return d.name == name; });
    if (found == dtypes.end()) reader.fail_at(start, "an element type such as F32 or I64", json::shown(name));
    return found->dtype;
}

/// Of a shape; libraries that write such files have far fewer.
inline constexpr std::size_t most_extents = 64;

inline Entry parse_entry(json::Reader& reader, const std::string& name) {
    Entry entry;
    entry.name = name;
    int members = 0;  // a repeated key is refused by the reader, so three members are the three wanted
    const std::size_t start = reader.position();
    reader.object([&](const std::string& key) {
        ++members;
        if (key == "dtype") {
            entry.dtype = parse_dtype(reader);
        } else if (key == "shape") {
            reader.array([&] {
                if (entry.shape.size() == most_extents) {
                    reader.fail(
                        "at most " + std::to_string(most_extents) + " extents in tensor " + json::shown(name),
                        "more");
                }
                entry.shape.push_back(reader.integer());
            });
        } else if (key == "data_offsets") {
            std::vector<std::uint64_t> offsets;
            const auto fail = [&](const std::string& numbers) {
                reader.fail("two data_offsets, begin and end", numbers);
            };
            reader.array([&] {
                if (offsets.size() == 2) fail("more numbers");
                offsets.push_back(reader.integer());
            });
            if (offsets.size() != 2) fail(std::to_string(offsets.size()) + " numbers");
            entry.begin = offsets[0];
            entry.end = offsets[1];
        } else {
            reader.fail(std::string("dtype, shape or data_offsets in tensor ") + json::shown(name),
                        json::shown(key));
        }
    });
    if (members != 3) {
        reader.fail_at(start, std::string("dtype, shape and data_offsets in tensor ") + json::shown(name),
                       std::to_string(members) + " of them");
    }
    return entry;
}

inline void parse_metadata(json::Reader& reader, std::string_view text, Header& header) {
    reader.object([&](const std::string& key) {
        const std::size_t start = reader.position();
        const std::string value = reader.string();
        if (key == checksum_key) {
            // The digits must stand in the text as they are: an escape would leave two ways to write one
            // checksum.
            const std::size_t digits_at = start + 1 + text.substr(start).find('"');
            const bool hexadecimal = value.find_first_not_of("0123456789abcdef") == std::string::npos;
            if (value.size() != checksum_digits || !hexadecimal ||
                text.substr(digits_at, value.size()) != value) {
                reader.fail_at(start, "a checksum of 16 lower-case hexadecimal digits", json::shown(value));
            }
            header.checksum_at = digits_at;
        }
        header.metadata.emplace(key, value);
    });
}

/// The tensors' bytes must follow one another without overlap or hole, each as long as its type and shape
/// say.
inline void order_and_check(Header& header, std::string_view origin) {
    std::sort(header.entries.begin(), header.entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    for (const Entry& entry : header.entries) {
        const std::string place = std::string("tensor ") + json::shown(entry.name);
        std::string offsets = "[";  // piece by piece: g++ 12 warns of the sum of temporaries (bug 105651)
        offsets.append(std::to_string(entry.begin)).append(", ");
        offsets.append(std::to_string(entry.end)).append("]");
        const std::optional<std::uint64_t> bytes = tensor_bytes(entry.dtype, entry.shape);
        if (!bytes) refuse(origin, place, "a size below 2^64 bytes", describe(entry.dtype, entry.shape));
        if (entry.begin != header.data_bytes) {
            refuse(origin, place,
                   std::string("data_offsets that begin at ") + std::to_string(header.data_bytes) +
                       ", where the bytes before end",
                   offsets);
        }
        if (entry.end < entry.begin || entry.end - entry.begin != *bytes) {
            refuse(origin, place,
                   std::string("data_offsets ") + std::to_string(*bytes) + " bytes apart for " +
                       describe(entry.dtype, entry.shape),
                   offsets);
        }
        header.data_bytes = entry.end;
    }
}

/// Reads and checks the header's text, which stands at byte 8 of the file `origin`. Throws FormatError.
inline Header parse_header(std::string_view text, std::string_view origin) {
    Header header;
    json::Reader reader(text, origin, prefix_bytes);
    reader.object([&](const std::string& name) {
        if (name == metadata_name) {
            parse_metadata(reader, text, header);
        } else {
            header.entries.push_back(parse_entry(reader, name));
        }
    });
    reader.end();
    order_and_check(header, origin);
    return header;
}

inline std::string place_of(const TensorSource& tensor) {
    return std::string("tensor ") + json::shown(tensor.name);
}

/// As many bytes as the shape says. Throws ArgumentError.
inline void check_bytes(const TensorSource& tensor, std::size_t found) {
    const std::optional<std::uint64_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (bytes && *bytes == found) return;
    throw ArgumentError(place_of(tensor) + ": expected " + (bytes ? std::to_string(*bytes) : "under 2^64") +
                        " bytes for " + describe(tensor.dtype, tensor.shape) + ", found " +
                        std::to_string(found) + ". Pass the whole tensor.");
}

/// Whatever can be stored: names once, shapes of a size. Throws ArgumentError.
inline void check_storable(std::span<const TensorSource> tensors) {
    std::set<std::string_view> names;
    for (const TensorSource& tensor : tensors) {
        if (tensor.name == metadata_name)
            throw ArgumentError(place_of(tensor) + ": the name is reserved. Choose another one.");
        if (!names.insert(tensor.name).second) {
            throw ArgumentError(place_of(tensor) +
                                ": expected each name once, found it twice. Rename one of the two.");
        }
        if (tensor.shape.size() > most_extents) {
            throw ArgumentError(place_of(tensor) + ": expected at most " + std::to_string(most_extents) +
                                " extents, found " + std::to_string(tensor.shape.size()) +
                                ". Give it another shape.");
        }
        if (!tensor_bytes(tensor.dtype, tensor.shape)) {
            throw ArgumentError(place_of(tensor) + ": expected under 2^64 bytes, found " +
                                describe(tensor.dtype, tensor.shape) + ". Give it another shape.");
        }
    }
}

/// The header's text for storable tensors whose bytes follow in this order, padded so that they begin at a
/// multiple of 8.
inline std::string compose_header(std::span<const TensorSource> tensors, const Metadata& metadata) {
    std::string text = std::string("{") + json::quote(metadata_name) + ":{";
    std::string_view comma;
    for (const auto& [key, value] : metadata) {
        text.append(comma).append(json::quote(key)).append(":").append(json::quote(value));
        comma = ",";
    }
    text += "}";
    std::uint64_t begin = 0;
    for (const TensorSource& tensor : tensors) {
        const std::uint64_t end = begin + tensor_bytes(tensor.dtype, tensor.shape).value();
        text.append(",")
            .append(json::quote(tensor.name))
            .append(":{\"dtype\":\"")
            .append(name_of(tensor.dtype));
        text += "\",\"shape\":[";
        for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
            if (i > 0) text += ',';
            text += std::to_string(tensor.shape[i]);
        }
        text +=
            std::string("],\"data_offsets\":[") + std::to_string(begin) + "," + std::to_string(end) + "]}";
        begin = end;
    }
    text += "}";
    text.resize((text.size() + 7) / 8 * 8, ' ');
    if (text.size() > largest_header) {
        throw ArgumentError(std::string("a safetensors header of ") + std::to_string(text.size()) +
                            " bytes: expected at most " + std::to_string(largest_header) +
                            ". Store fewer tensors or shorter metadata.");
    }
    return text;
}

}  // namespace safetensors_detail

}  // namespace daf
