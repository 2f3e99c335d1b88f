#pragma once
// Labelled images as files: ROOT/SPLIT/CLASS/IMAGE.
#include <daf/cpu/context.hpp>
#include <filesystem>
#include <optional>
#include <vector>

#include "data/dataset.hpp"

namespace daf_cnn {

struct ImageFolderOptions {
    std::vector<Split> splits{Split::train, Split::validation};  // those to read; each must be there
    int side = 0;                                                // of the network that they are for
    std::optional<std::size_t> limit{};                          // the first images of each split only
    bool skip_bad = false;  // leave out what cannot be read, instead of refusing all
};

/// Reads such a folder. Splits and classes are recognised by their usual names (folder_names.hpp); what else
/// lies in ROOT is left alone, hidden files and file managers' leavings are passed over everywhere. A file
/// that is no image, a folder among images, an unknown or empty class is bad: the first in order is thrown as
/// a BadImage, or all are left out and counted, a folder as one. Two folders for one split or class are
/// refused always.
///
/// Order: one image of each class in turn, in the order of Expression, each class by its files' names
/// bytewise; a class that has run out is passed over. So a limited split holds every class, and the same
/// images on every machine.
///
/// Images are cut to their centred square and reduced to `side` where they are larger. Where all squares of a
/// split have one size up to `side`, they keep it (a batch enlarges them); otherwise the smaller ones are
/// enlarged. They are decoded on the context's threads; result and errors do not depend on their number.
/// Throws daf::FileError or daf::FormatError with the file, what was expected, what was found, what to do.
Splits read_image_folder(daf::Cpu& cpu, const std::filesystem::path& root, const ImageFolderOptions& options);

}  // namespace daf_cnn
