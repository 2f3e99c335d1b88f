#pragma once
// One program at a time trains in a folder.
#include <daf/io/file.hpp>
#include <filesystem>

namespace daf_cnn {

/// Holds a run's folder until it is destroyed or the program ends, however it ends: a lock of the system's on
/// DIR/.lock, which stays behind, empty of meaning. A file system that has no locks is trusted.
class RunLock {
  public:
    /// Throws BadUse if another program holds the folder, daf::FileError where the system refuses.
    explicit RunLock(const std::filesystem::path& folder);

  private:
    daf::file_detail::Descriptor descriptor_;
};

}  // namespace daf_cnn
