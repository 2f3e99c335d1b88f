#pragma once
// Files that are whole or untouched. POSIX: the standard library can neither sync nor say why a write failed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <daf/core/error.hpp>

namespace daf {

namespace file_detail {

inline const char* remedy(int reason) {
    switch (reason) {
        case ENOSPC:
        case EDQUOT: return "Free some space there or choose another place.";
        case EFBIG: return "Raise the limit on file sizes (ulimit -f) or choose another place.";
        case EACCES:
        case EPERM:
        case EROFS: return "Check the permissions or choose another place.";
        case ENOENT:
        case ENOTDIR: return "Check the path; folders on the way must exist.";
        case EISDIR: return "Name a file, not a folder.";
        case ELOOP: return "Remove the link that leads back to itself.";
        case ENAMETOOLONG: return "Choose a shorter name.";
        case EMFILE:
        case ENFILE: return "Raise the limit on open files (ulimit -n).";
        case ENOMEM: return "Close other programs or use a machine with more memory.";
        default: return "Check the disk and try again.";
    }
}

/// "cannot <action> PATH: <the system's reason>. <what to do>".  reason: an errno value.
[[noreturn]] inline void fail(const std::string& action, const std::filesystem::path& path, int reason) {
    throw FileError(std::string("cannot ") + action + " " + path.string() + ": " +
                    std::generic_category().message(reason) + ". " + remedy(reason));
}

/// An open file descriptor, closed at the end of its scope.
class Descriptor {
  public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }

    int number() const { return number_; }
    bool is_open() const { return number_ >= 0; }
    /// Closes now, and says whether the system had kept an error until now (network and quota file systems
    /// do).
    bool close() { return ::close(std::exchange(number_, -1)) == 0 || errno == EINTR; }

  private:
    int number_;
};

template <class... Mode>
Descriptor open_file(const std::filesystem::path& path, int flags, Mode... mode) {
    int number = -1;
    do number = ::open(path.c_str(), flags | O_CLOEXEC, mode...);
    while (number < 0 && errno == EINTR);
    return Descriptor(number);
}

/// Whether what was written is on the disk; a signal that comes meanwhile does not count.
inline bool sync(const Descriptor& descriptor) {
    int result = 0;
    do result = ::fsync(descriptor.number());
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/// The largest piece handed to one read or write; Linux transfers at most 2 GiB at once.
inline constexpr std::size_t largest_transfer = std::size_t{1} << 30;

}  // namespace file_detail

/// A file open for writing. Every write is checked; errors name `path`, the file as its user knows it.
class FileWriter {
  public:
    FileWriter(file_detail::Descriptor descriptor, std::filesystem::path path)
        : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

    /// Writes all the bytes or throws FileError.
    void write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t piece = std::min(bytes.size(), file_detail::largest_transfer);
            const ::ssize_t written = ::write(descriptor_.number(), bytes.data(), piece);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) file_detail::fail("write", path_, errno);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }

    void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }

    /// Writes over bytes that have been written before; what follows goes on where it would have.
    void write_over(std::uint64_t at, std::string_view text) {
        while (!text.empty()) {
            const ::ssize_t written =
                ::pwrite(descriptor_.number(), text.data(), text.size(), static_cast<::off_t>(at));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) file_detail::fail("write", path_, errno);
            text.remove_prefix(static_cast<std::size_t>(written));
            at += static_cast<std::uint64_t>(written);
        }
    }

    /// Returns once the bytes are on the disk and the file is closed.
    void finish() {
        if (!file_detail::sync(descriptor_)) file_detail::fail("write", path_, errno);
        if (!descriptor_.close()) file_detail::fail("write", path_, errno);
    }

  private:
    file_detail::Descriptor descriptor_;
    std::filesystem::path path_;
};

namespace file_detail {

/// A file beside its target, removed unless it has taken the target's name.
class TemporaryBeside {
  public:
    explicit TemporaryBeside(const std::filesystem::path& target) {
        // The process and a number keep two writers of one target apart; a left-over of a killed process is
        // skipped.
        for (int number = 0;; ++number) {
            path_ = target;
            std::string suffix = ".";
            suffix.append(std::to_string(::getpid())).append("-").append(std::to_string(number));
            path_ += suffix.append(".tmp");
            descriptor_ = open_file(path_, O_WRONLY | O_CREAT | O_EXCL, 0666);
            if (descriptor_.is_open()) return;
            if (errno != EEXIST) fail("write", target, errno);
        }
    }
    TemporaryBeside(const TemporaryBeside&) = delete;
    TemporaryBeside& operator=(const TemporaryBeside&) = delete;
    ~TemporaryBeside() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    Descriptor& descriptor() { return descriptor_; }

    void rename_to(const std::filesystem::path& target) {
        if (::rename(path_.c_str(), target.c_str()) != 0) fail("replace", target, errno);
        path_.clear();
    }

  private:
    std::filesystem::path path_;
    Descriptor descriptor_;
};

/// Makes a rename in `folder` survive a power cut.
inline void sync_folder(const std::filesystem::path& folder) {
    const Descriptor descriptor = open_file(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (!descriptor.is_open())
        return;  // one may write in a folder that one may not read; the rename stands anyway
    const bool synced = sync(descriptor);
    const bool unsupported = !synced && (errno == EINVAL || errno == ENOTSUP || errno == EROFS);
    if (!synced && !unsupported) fail("sync the folder", folder, errno);
}

/// Where a path leads, through links whose target need not be there yet. Throws FileError for links in a
/// circle.
inline std::filesystem::path behind_links(const std::filesystem::path& path) {
    constexpr int most_links = 40;  // as Linux has it
    std::filesystem::path at = path;
    std::error_code no_link;
    for (int links = 0; links <= most_links; ++links) {
        const std::filesystem::path next = std::filesystem::read_symlink(at, no_link);
        if (no_link) return at;
        at = at.parent_path() / next;  // an absolute one takes its place
    }
    fail("write", path, ELOOP);
}

}  // namespace file_detail

/// Writes a file whole or not at all: `writer(FileWriter&)` fills a temporary beside `path`, which is synced
/// and then renamed over it, so that a reader, a crash or a full disk never sees half a file. A link is
/// followed, also one to a file that is not there yet; an existing file's permissions are kept. On any
/// failure, also one that `writer` throws, the temporary is removed and the old file is as it was. Only where
/// the folder itself cannot be synced, at the very end, has the new file taken its place. Throws FileError.
template <class Writer>
void write_atomically(const std::filesystem::path& path, Writer&& writer) {
    std::error_code ignored;
    const std::filesystem::path resolved = std::filesystem::canonical(path, ignored);
    const std::filesystem::path target = resolved.empty() ? file_detail::behind_links(path) : resolved;

    struct ::stat old {};
    const bool exists = ::stat(target.c_str(), &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) file_detail::fail("write", path, EISDIR);
    if (exists && !S_ISREG(old.st_mode)) {  // renaming over a device or a pipe would remove it
        throw FileError(std::string("cannot write ") + path.string() +
                        ": it is not a regular file. Name another file.");
    }
    // Renaming asks the folder's permission only, but a write-protected file is meant to stay.
    if (exists && ::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0)
        file_detail::fail("write", path, errno);

    file_detail::TemporaryBeside temporary(target);
    // A file system without permissions may refuse; then there are none to keep.
    if (exists) static_cast<void>(::fchmod(temporary.descriptor().number(), old.st_mode & 07777u) == 0);
    FileWriter file(std::move(temporary.descriptor()), path);
    std::forward<Writer>(writer)(file);
    file.finish();
    temporary.rename_to(target);
    file_detail::sync_folder(target.parent_path());
}

/// A regular file open for reading from its beginning. Throws FileError where the system refuses.
class FileReader {
  public:
    explicit FileReader(std::filesystem::path path) : path_(std::move(path)) {
        // Opening a pipe would wait for its writer; the flag changes nothing for a regular file.
        descriptor_ = file_detail::open_file(path_, O_RDONLY | O_NONBLOCK);
        if (!descriptor_.is_open()) file_detail::fail("open", path_, errno);
        struct ::stat status {};
        if (::fstat(descriptor_.number(), &status) != 0) file_detail::fail("read", path_, errno);
        if (S_ISDIR(status.st_mode)) file_detail::fail("read", path_, EISDIR);
        if (!S_ISREG(status.st_mode)) {
            throw FileError(std::string("cannot read ") + path_.string() +
                            ": it is not a regular file. Name another file.");
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
    }

    const std::filesystem::path& path() const { return path_; }
    /// The size in bytes when it was opened.
    std::uint64_t size() const { return size_; }

    /// Reads up to bytes.size() bytes and says how many; 0 only at the file's end (or for no bytes).
    std::size_t read_some(std::span<std::byte> bytes) {
        for (;;) {
            const std::size_t piece = std::min(bytes.size(), file_detail::largest_transfer);
            const ::ssize_t got = ::read(descriptor_.number(), bytes.data(), piece);
            if (got >= 0) return static_cast<std::size_t>(got);
            if (errno != EINTR) file_detail::fail("read", path_, errno);
        }
    }

    /// Fills `bytes`; FileError if the file ends before.
    void read(std::span<std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t got = read_some(bytes);
            if (got == 0) {
                throw FileError(
                    std::string("cannot read ") + path_.string() + ": expected " + std::to_string(size_) +
                    " bytes, but it shrank while it was read. Wait for its writer and try again.");
            }
            bytes = bytes.subspan(got);
        }
    }

  private:
    std::filesystem::path path_;
    file_detail::Descriptor descriptor_;
    std::uint64_t size_ = 0;
};

/// The whole content of a regular file of at most `largest` bytes. Throws FileError.
inline std::vector<std::byte> read_file(const std::filesystem::path& path,
                                        std::uint64_t largest = std::uint64_t{1} << 32) {
    FileReader file(path);
    if (file.size() > largest) {
        throw FileError(std::string("cannot read ") + path.string() + ": expected at most " +
                        std::to_string(largest) + " bytes, found " + std::to_string(file.size()) +
                        ". Check that it is the right file.");
    }
    try {
        std::vector<std::byte> bytes(static_cast<std::size_t>(file.size()));
        file.read(bytes);
        return bytes;
    } catch (const std::bad_alloc&) {
        file_detail::fail("read", path, ENOMEM);
    }
}

}  // namespace daf
