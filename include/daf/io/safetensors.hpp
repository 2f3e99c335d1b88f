#pragma once
// Files of named tensors in the safetensors format (huggingface.co/docs/safetensors), which Python reads and
// writes too: an 8-byte length, a JSON header with every tensor's type, shape and place, then the bytes.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <daf/core/error.hpp>
#include <daf/io/checksum.hpp>
#include <daf/io/exact.hpp>
#include <daf/io/file.hpp>
#include <daf/io/json.hpp>
#include <daf/io/safetensors_header.hpp>

namespace daf {

static_assert(std::endian::native == std::endian::little,
              "safetensors holds little-endian numbers, used here as they are");

/// Whether a file without a checksum is accepted. One that is there is always verified, but where none is
/// demanded, damage to the entry's own key goes unnoticed: demand it of files that daf wrote.
enum class ChecksumPolicy { if_present, required };

/// The content of a safetensors file; owns the bytes. Movable; views of tensors stay valid when it moves.
class Safetensors {
  public:
    /// The file's name, for messages.
    const std::string& origin() const { return origin_; }

    /// Every tensor, in the order of its bytes in the file.
    const std::vector<NamedTensor>& tensors() const { return tensors_; }

    /// The tensor of that name, or nullptr.
    const NamedTensor* find(std::string_view name) const {
        const auto found = index_.find(name);
        return found == index_.end() ? nullptr : &tensors_[found->second];
    }

    /// The tensor of that name; MismatchError if there is none.
    const NamedTensor& tensor(std::string_view name) const {
        const NamedTensor* found = find(name);
        if (found == nullptr)
            mismatch(std::string("tensor ") + json::shown(name), "a tensor of that name", "none");
        return *found;
    }

    /// A tensor's elements, aligned for T whatever their place in the file; MismatchError if it holds another
    /// type. They lie in this object, so a temporary has none to give.
    template <TensorElement T>
    std::span<const T> values(std::string_view name) const& {
        const NamedTensor& found = tensor(name);
        if (found.dtype != dtype_of<T>()) other_type<T>(found);
        return {reinterpret_cast<const T*>(found.bytes.data()), found.bytes.size() / sizeof(T)};
    }

    /// The same, and the shape must be this one too.
    template <TensorElement T>
    std::span<const T> values(std::string_view name, const TensorShape& shape) const& {
        const NamedTensor& found = tensor(name);
        if (found.shape != shape) other_shape<T>(found, shape);
        return values<T>(name);
    }

    /// The tensor of that name and shape, for copy_exactly; MismatchError if it has another shape or a type
    /// whose numbers are not all T's too.
    template <Real T>
    const NamedTensor& exact(std::string_view name, const TensorShape& shape) const {
        const NamedTensor& found = tensor(name);
        if (found.shape != shape) other_shape<T>(found, shape);
        if (!holds_exactly<T>(found.dtype)) other_type<T>(found);
        return found;
    }
    template <TensorElement T>
    std::span<const T> values(std::string_view name) const&& = delete;
    template <TensorElement T>
    std::span<const T> values(std::string_view name, const TensorShape& shape) const&& = delete;

    const Metadata& metadata() const { return metadata_; }

    /// A metadata text; MismatchError if there is none under that key.
    const std::string& metadata(std::string_view key) const {
        const auto found = metadata_.find(key);
        if (found == metadata_.end())
            mismatch(std::string("metadata ") + json::shown(key), "an entry of that key", "none");
        return found->second;
    }

    /// The number that a metadata text says (metadata_text); FormatError if it says none.
    template <class N>
    N number(std::string_view key) const {
        const std::string& text = metadata(key);
        N number{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size()) {
            throw FormatError(origin_ + ": metadata '" + std::string(key) + "': expected a number, found " +
                              json::shown(text) + ". The file was not written by daf; take another copy.");
        }
        return number;
    }

  private:
    template <class Source>
    friend Safetensors load_safetensors(Source&& source, std::string origin, ChecksumPolicy policy);

    Safetensors() = default;

    [[noreturn]] void mismatch(const std::string& place, const std::string& expected,
                               const std::string& found) const {
        throw MismatchError(
            origin_ + ": " + place + ": expected " + expected + ", found " + found +
            ". The file belongs to something else; choose the one that was written for this.");
    }

    template <class T>
    [[noreturn]] void other_shape(const NamedTensor& found, const TensorShape& shape) const {
        mismatch(std::string("tensor ") + json::shown(found.name), describe(dtype_of<T>(), shape),
                 describe(found.dtype, found.shape));
    }
    /// The file may well be the right one.
    template <class T>
    [[noreturn]] void other_type(const NamedTensor& found) const {
        const std::string wanted(name_of(dtype_of<T>())), there(name_of(found.dtype));
        throw MismatchError(origin_ + ": tensor " + json::shown(found.name) + ": expected " + wanted +
                            ", found " + there + ". Write it as " + wanted +
                            (std::is_floating_point_v<T> ? std::string(" (in PyTorch: tensor.") +
                                                               (sizeof(T) == 4 ? "float" : "double") + "())"
                                                         : std::string()) +
                            ", or read it as " + there + ".");
    }

    std::string origin_;
    std::unique_ptr<std::byte[]> storage_;
    std::vector<NamedTensor> tensors_;
    std::map<std::string, std::size_t, std::less<>> index_;
    Metadata metadata_;
};

namespace safetensors_detail {

/// Reads a buffer as FileReader reads a file.
class MemoryReader {
  public:
    explicit MemoryReader(std::span<const std::byte> bytes) : bytes_(bytes), size_(bytes.size()) {}

    std::uint64_t size() const { return size_; }

    void read(std::span<std::byte> into) {
        std::copy_n(bytes_.begin(), into.size(), into.begin());
        bytes_ = bytes_.subspan(into.size());
    }

  private:
    std::span<const std::byte> bytes_;
    std::uint64_t size_;
};

/// Every tensor begins at a multiple of this in memory, so that any element type may be read in place.
inline constexpr std::size_t alignment = alignof(std::max_align_t);

constexpr std::size_t aligned(std::size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/// The checksum's beginning: length and header, the header's own digits as zeros.
inline Checksum sum_front(std::uint64_t header_bytes, std::string header, std::size_t digits_at) {
    header.replace(digits_at, checksum_digits, checksum_digits, '0');
    Checksum sum;
    sum.add(std::as_bytes(std::span(&header_bytes, 1)));
    sum.add(std::as_bytes(std::span(header)));
    return sum;
}

/// What a file begins with in the place of a header's length.
inline std::string beginning(std::uint64_t header_bytes) {
    std::string text(prefix_bytes, ' ');
    std::memcpy(text.data(), &header_bytes, prefix_bytes);
    if (text.starts_with("PK\3\4")) return "a zip archive, as torch.save writes it";
    const bool readable = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n';
    });
    return readable ? std::string("the text ") + json::shown(text) : std::to_string(header_bytes);
}

/// The header's text, after checks of its length against the file's.
template <class Source>
std::string read_header(Source& source, const std::string& origin) {
    const std::uint64_t size = source.size();
    if (size < prefix_bytes)
        refuse(origin, "byte 0", "the header's length in 8 bytes", std::to_string(size) + " bytes");
    std::uint64_t header_bytes = 0;
    source.read(std::as_writable_bytes(std::span(&header_bytes, 1)));
    const std::uint64_t most = std::min(largest_header, size - prefix_bytes);
    if (header_bytes > most) {
        refuse(origin, "byte 0",
               std::string("a safetensors header's length of at most ") + std::to_string(most),
               beginning(header_bytes));
    }
    std::string text(static_cast<std::size_t>(header_bytes), ' ');
    source.read(std::as_writable_bytes(std::span(text)));
    return text;
}

}  // namespace safetensors_detail

/// Reads from anything with size() and read(span). Use read_safetensors or parse_safetensors.
template <class Source>
Safetensors load_safetensors(Source&& source, std::string origin, ChecksumPolicy policy) {
    using namespace safetensors_detail;
    const std::string text = read_header(source, origin);
    Header header = parse_header(text, origin);

    const std::uint64_t data_bytes = source.size() - prefix_bytes - text.size();
    if (header.data_bytes != data_bytes) {
        refuse(origin, "its end",
               std::string("data of ") + std::to_string(header.data_bytes) + " bytes after the header",
               std::to_string(data_bytes));
    }
    if (policy == ChecksumPolicy::required && !header.checksum_at) {
        throw FormatError(
            origin + ": metadata '" + std::string(checksum_key) +
            "': expected a checksum, as daf writes it, found none. Take another copy; tensors of "
            "another program's file are read with ChecksumPolicy::if_present.");
    }

    Safetensors file;
    file.origin_ = std::move(origin);
    file.metadata_ = std::move(header.metadata);
    std::size_t storage_bytes = 0;
    for (const Entry& entry : header.entries)
        storage_bytes += aligned(static_cast<std::size_t>(entry.end - entry.begin));
    file.storage_ = std::make_unique_for_overwrite<std::byte[]>(storage_bytes);

    Checksum sum;
    if (header.checksum_at) sum = sum_front(text.size(), text, *header.checksum_at);
    std::span<std::byte> rest(file.storage_.get(), storage_bytes);
    for (Entry& entry : header.entries) {
        const std::span<std::byte> bytes = rest.first(static_cast<std::size_t>(entry.end - entry.begin));
        rest = rest.subspan(aligned(bytes.size()));
        source.read(bytes);
        if (header.checksum_at) sum.add(bytes);
        file.index_.emplace(entry.name, file.tensors_.size());
        file.tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape), bytes});
    }
    if (header.checksum_at && sum.hex() != file.metadata(checksum_key)) {
        throw FormatError(
            file.origin_ + ": metadata '" + std::string(checksum_key) + "': expected " +
            file.metadata(checksum_key) + ", found " + sum.hex() +
            " for the bytes that are there. The file was altered after it was written; take another copy.");
    }
    return file;
}

/// Reads and checks a whole file. Throws FileError (the system refuses) or FormatError (it does not hold what
/// it should).
inline Safetensors read_safetensors(const std::filesystem::path& path,
                                    ChecksumPolicy policy = ChecksumPolicy::if_present) {
    try {
        return load_safetensors(FileReader(path), path.string(), policy);
    } catch (const std::bad_alloc&) {
        file_detail::fail("read", path, ENOMEM);
    }
}

/// The same from a buffer; origin names it in messages.
inline Safetensors parse_safetensors(std::span<const std::byte> bytes, std::string origin,
                                     ChecksumPolicy policy = ChecksumPolicy::if_present) {
    return load_safetensors(safetensors_detail::MemoryReader(bytes), std::move(origin), policy);
}

/// Writes tensors and metadata, whole or not at all (see write_atomically), and returns the checksum that it
/// recorded in the metadata (an entry of that key is replaced). The same input gives the same bytes. Tensors
/// of wide elements go first, otherwise in the order given, so that every one is aligned in the file as
/// readers that map it need. Each tensor's bytes are asked for when it is written, so that no two need be in
/// memory at once. Throws FileError, for too little memory too, or ArgumentError for a tensor whose bytes do
/// not fit its shape or a name that cannot be stored.
inline std::string write_safetensors_from(const std::filesystem::path& path,
                                          std::vector<TensorSource> tensors, Metadata metadata = {}) {
    using namespace safetensors_detail;
    try {
        check_storable(tensors);
        std::stable_sort(tensors.begin(), tensors.end(),
                         [](const auto& a, const auto& b) { return size_of(a.dtype) > size_of(b.dtype); });
        metadata.insert_or_assign(std::string(checksum_key), std::string(checksum_digits, '0'));
        const std::string header = compose_header(tensors, metadata);
        const std::uint64_t header_bytes = header.size();
        const std::size_t digits_at = *parse_header(header, path.string()).checksum_at;
        Checksum sum = sum_front(header_bytes, header, digits_at);

        write_atomically(path, [&](FileWriter& file) {
            file.write(std::as_bytes(std::span(&header_bytes, 1)));
            file.write(header);
            for (const TensorSource& tensor : tensors) {
                const std::span<const std::byte> bytes = tensor.bytes();
                check_bytes(tensor, bytes.size());
                sum.add(bytes);
                file.write(bytes);
            }
            file.write_over(prefix_bytes + digits_at, sum.hex());  // zeros until now, as the sum takes them
        });
        return sum.hex();
    } catch (const std::bad_alloc&) {
        file_detail::fail("write", path, ENOMEM);
    }
}

/// The same of tensors whose bytes are there.
inline std::string write_safetensors(const std::filesystem::path& path,
                                     const std::vector<NamedTensor>& tensors, Metadata metadata = {}) {
    std::vector<TensorSource> sources;
    for (const NamedTensor& tensor : tensors) {
        sources.push_back(
            {tensor.name, tensor.dtype, tensor.shape, [bytes = tensor.bytes] { return bytes; }});
        safetensors_detail::check_bytes(sources.back(), tensor.bytes.size());
    }
    return write_safetensors_from(path, std::move(sources), std::move(metadata));
}

/// A tensor over values in memory, to be written. Takes no temporary: it would outlive its memory.
template <TensorElement T, class Range>
requires(std::is_lvalue_reference_v<Range> || std::ranges::borrowed_range<Range>) &&
    std::convertible_to<Range, std::span<const T>> NamedTensor
    named_tensor(std::string name, TensorShape shape, Range&& values) {
    return {std::move(name), dtype_of<T>(), std::move(shape), std::as_bytes(std::span<const T>(values))};
}

}  // namespace daf
