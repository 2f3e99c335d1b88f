#pragma once
// A folder of small generated faces as PNG files, in the layout of --data FOLDER.
#include <string>

#include "data/picture.hpp"
#include "faces/faces.hpp"
#include "support/scratch_folder.hpp"

namespace daf_test {

inline std::string png_of_face(daf_cnn::Split split, std::uint32_t index, int side) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(side * side));
    daf_cnn::draw_face(daf::Seed{20}, split, index, side, pixels);
    const auto png = daf_cnn::encode_png(pixels, side, side);
    return {reinterpret_cast<const char*>(png.data()), png.size()};
}

/// Writes ROOT/train|val|test/CLASS/N.png, the first `count` generated faces of each split.
inline std::filesystem::path face_folder(const ScratchFolder& scratch, std::string_view name,
                                         std::uint32_t count, int side = 16) {
    using daf_cnn::Split;
    std::filesystem::path root = scratch / name;
    for (const auto& [split, folder] :
         {std::pair{Split::train, "train"}, {Split::validation, "val"}, {Split::test, "test"}}) {
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto label = static_cast<std::size_t>(daf_cnn::face_label(daf::Seed{20}, split, i));
            const auto of_class = root / folder / daf_cnn::expression_names[label];
            std::filesystem::create_directories(of_class);
            std::ofstream(of_class / (std::to_string(i) + ".png"), std::ios::binary)
                << png_of_face(split, i, side);
        }
    }
    return root;
}

}  // namespace daf_test
