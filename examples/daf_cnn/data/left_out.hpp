#pragma once
// Bad images among good ones: refused, or left out and counted (--skip-bad).
#include <cstddef>
#include <daf/core/error.hpp>
#include <string>

namespace daf_cnn {

/// A bad image, line or folder, without which the data set could be read.
class BadImage : public daf::FormatError {
  public:
    using daf::FormatError::FormatError;
};

/// What was bad and is not in a data set.
struct LeftOut {
    std::size_t images = 0;   // files, or lines of a CSV
    std::size_t folders = 0;  // with all that is in them
    std::string first{};      // what was wrong with the first of them

    bool empty() const { return images + folders == 0; }
    /// Those of another split as well.
    LeftOut& operator+=(const LeftOut& other);
    /// "2 bad images and 1 folder"; of one that is not empty.
    std::string text() const;
};

}  // namespace daf_cnn
