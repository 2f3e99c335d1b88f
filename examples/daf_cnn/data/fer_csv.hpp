#pragma once
// FER2013's CSV: a header naming the columns emotion, pixels and Usage, then one 48x48 image a line.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "data/dataset.hpp"

namespace daf_cnn {

/// The side of FER2013's images.
inline constexpr int fer_side = 48;
/// Longer lines are refused, so that memory stays bounded whatever the file holds; a real line has under
/// 9,300 bytes.
inline constexpr std::size_t fer_longest_line = std::size_t{1} << 20;

struct FerCsvOptions {
    /// The splits to keep; each must have a row. Rows of the others are checked and dropped.
    std::vector<Split> splits{Split::train, Split::validation};
    /// The first images of each split only. Reading stops once every split is full: what follows is not
    /// checked.
    std::optional<std::size_t> limit{};
    /// Leave out lines that hold no labelled image instead of refusing the file. They count for the
    /// first split asked for. A bad header is refused always.
    bool skip_bad = false;
};

/// Reads such a file; Usage Training, PublicTest, PrivateTest are train, validation, test. Columns may stand
/// in any order, with spaces around, among others (ignored), in quotes (a quoted text must end on its line).
/// A byte-order mark, CRLF and empty lines are accepted. Nothing but the images, and one line at a time, is
/// held in memory. Throws daf::FileError, or daf::FormatError "FILE:LINE: problem: expected ..., found ....
/// what to do": a BadImage for a line that skip_bad would leave out.
Splits read_fer_csv(const std::filesystem::path& path, const FerCsvOptions& options = {});

}  // namespace daf_cnn
