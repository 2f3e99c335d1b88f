#pragma once
// A small safetensors file of every kind of thing, for tests that read it and tests that damage it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <daf/io/safetensors.hpp>

#include "support/scratch_folder.hpp"

namespace daf_test {

inline const std::filesystem::path& file_from_python() {
    static const std::filesystem::path path =
        std::filesystem::path(DAF_GOLDEN_DIR) / "safetensors_from_python.safetensors";
    return path;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string text_of(const std::filesystem::path& path) {
    const std::vector<std::byte> bytes = daf::read_file(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes `small` in that folder and returns its bytes.
inline std::string small_safetensors(const ScratchFolder& folder) {
    const std::array<float, 3> floats{1.5f, -2.0f, 0.25f};
    const std::array<std::uint8_t, 3> small{1, 2, 3};
    const std::array<std::int64_t, 1> large{-5};
    const auto path = folder / "small";
    daf::write_safetensors(path,
                           {daf::named_tensor<std::uint8_t>("small", {3}, small),
                            daf::named_tensor<float>("a/ä\"", {1, 3}, floats),
                            daf::named_tensor<std::int64_t>("large", {}, large)},
                           {{"format", "1"}, {"text", "line\nbreak \\ \x01"}});
    return text_of(path);
}

/// A file with that header and so many bytes of data.
inline std::string file_of(std::string_view header, std::size_t data_bytes = 0) {
    std::string file(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(file.data(), &length, sizeof length);
    return file.append(header).append(data_bytes, '\x01');
}

}  // namespace daf_test
