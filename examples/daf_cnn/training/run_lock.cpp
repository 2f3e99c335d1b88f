#include "training/run_lock.hpp"

#include <sys/file.h>

#include <array>
#include <string>

#include "base/option.hpp"

namespace daf_cnn {

namespace {

/// Who holds the lock, as they wrote it themselves: " (process 123)".
std::string holder(int descriptor) {
    std::array<char, 32> text{};
    const ::ssize_t length = ::pread(descriptor, text.data(), text.size(), 0);
    if (length <= 0) return "";
    return " (process " + std::string(text.data(), static_cast<std::size_t>(length)) + ")";
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / ".lock";
    descriptor_ = daf::file_detail::open_file(path, O_RDWR | O_CREAT, 0666);
    if (!descriptor_.is_open()) daf::file_detail::fail("open", path, errno);
    if (::flock(descriptor_.number(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return;
        throw BadUse("--run: another daf-cnn" + holder(descriptor_.number()) + " is training in '" +
                     folder.string() + "'; wait until it ends or stop it");
    }
    // For the message above alone: a lock whose holder cannot be named is a lock.
    const std::string process = std::to_string(::getpid());
    if (::ftruncate(descriptor_.number(), 0) == 0)
        static_cast<void>(::pwrite(descriptor_.number(), process.data(), process.size(), 0) > 0);
}

}  // namespace daf_cnn
