// Files that are either whole or untouched: full disks, limits, permissions, odd targets.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <daf/io/file.hpp>

#include "support/scratch_folder.hpp"

#ifdef __linux__
#include <sys/mount.h>
#endif

namespace {

using daf_test::contains;
using daf_test::message_of;
using daf_test::ScratchFolder;

std::string content(const std::filesystem::path& path) {
    const std::vector<std::byte> bytes = daf::read_file(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    daf::write_atomically(path, [&](daf::FileWriter& file) { file.write(text); });
}

/// Limits the size of files that this process writes, as `ulimit -f` does.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(::rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old_);
        const ::rlimit limit{bytes, old_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }

  private:
    void (*old_handler_)(int);
    ::rlimit old_{};
};

/// Root may write everywhere; be nobody for a while.
class WithoutRoot {
  public:
    WithoutRoot() : dropped_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
    ~WithoutRoot() {
        if (dropped_ && ::seteuid(0) != 0) std::abort();
    }

  private:
    bool dropped_;
};

}  // namespace

TEST_CASE("write_atomically: writes, replaces and leaves nothing else") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "first");
    CHECK(content(path) == "first");
    write_text(path, "");
    CHECK(content(path).empty());
    daf::write_atomically(path, [](daf::FileWriter& file) {
        file.write("one, ");
        file.write("two");
    });
    CHECK(content(path) == "one, two");
    CHECK(folder.entries() == 1);
}

TEST_CASE("write_atomically: what was written can be written over, and writing goes on behind it") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    daf::write_atomically(path, [](daf::FileWriter& file) {
        file.write("sum 00, text");
        file.write_over(4, "47");
        file.write(" and more");
    });
    CHECK(content(path) == "sum 47, text and more");
}

TEST_CASE("write_atomically: the old file is visible until the new one is whole") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "old");
    daf::write_atomically(path, [&](daf::FileWriter& file) {
        file.write("new");
        CHECK(content(path) == "old");
        CHECK(folder.entries() == 2);  // the temporary stands beside it, on the same disk
    });
    CHECK(content(path) == "new");
}

TEST_CASE("write_atomically: a writer that throws leaves the old file and no temporary") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "old");
    const auto broken = [](daf::FileWriter& file) {
        file.write("half");
        throw std::logic_error("no more");
    };
    CHECK_THROWS_AS(daf::write_atomically(path, broken), std::logic_error);
    CHECK(content(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("write_atomically: a limit on file sizes") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "old");
    std::string message;
    {
        const FileSizeLimit limit(4096);
        message = message_of<daf::FileError>([&] { write_text(path, std::string(100'000, 'x')); });
    }
    CHECK(contains(message, path.string()));
    CHECK(contains(message, "File too large"));
    CHECK(contains(message, "ulimit -f"));
    CHECK(content(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("FileWriter: a full device") {
    const int number = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (number < 0) {
        MESSAGE("skipped: this system has no /dev/full");
        return;
    }
    daf::FileWriter file(daf::file_detail::Descriptor(number), "weights.safetensors");
    const std::string message = message_of<daf::FileError>([&] { file.write("anything"); });
    CHECK(contains(message, "weights.safetensors: No space left on device"));
    CHECK(contains(message, "Free some space"));
}

#ifdef __linux__
/// A disk of 64 KiB in that folder, where this user may have one; gone at the end of the scope, whatever
/// happens.
class SmallDisk {
  public:
    explicit SmallDisk(const std::filesystem::path& folder)
        : folder_(folder), mounted_(::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") == 0) {}
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    }

    bool is_mounted() const { return mounted_; }

  private:
    std::filesystem::path folder_;
    bool mounted_;
};

TEST_CASE("write_atomically: a full disk") {
    const ScratchFolder folder;
    const SmallDisk disk(folder.path());
    if (!disk.is_mounted()) {
        MESSAGE("skipped: this user may not mount a small disk");
        return;
    }
    const auto path = folder / "state";
    write_text(path, "old");
    const std::string message =
        message_of<daf::FileError>([&] { write_text(path, std::string(200'000, 'x')); });
    CHECK(contains(message, path.string() + ": No space left on device"));
    CHECK(content(path) == "old");
    CHECK(folder.entries() == 1);
    write_text(path, std::string(30'000, 'y'));  // the failed attempt gave its space back
    CHECK(content(path).size() == 30'000);
}
#endif

TEST_CASE("write_atomically: no permission") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "old");
    std::filesystem::permissions(path, std::filesystem::perms(0444));
    std::string protected_file;
    std::string protected_folder;
    {
        std::filesystem::permissions(folder.path(), std::filesystem::perms(0777));
        const WithoutRoot nobody;
        protected_file = message_of<daf::FileError>([&] { write_text(path, "new"); });
    }
    {
        std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
        const WithoutRoot nobody;
        protected_folder = message_of<daf::FileError>([&] { write_text(folder / "other", "new"); });
    }
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    CHECK(contains(protected_file, path.string() + ": Permission denied. Check the permissions"));
    CHECK(contains(protected_folder, "other: Permission denied. Check the permissions"));
    CHECK(content(path) == "old");
    CHECK(folder.entries() == 1);
}

TEST_CASE("write_atomically: keeps permissions and follows a link") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    write_text(path, "old");
    std::filesystem::permissions(path, std::filesystem::perms(0640));
    std::filesystem::create_symlink("state", folder / "link");
    write_text(folder / "link", "new");
    CHECK(std::filesystem::is_symlink(folder / "link"));
    CHECK(content(path) == "new");
    CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0640));
    CHECK(folder.entries() == 2);
}

TEST_CASE("write_atomically: follows links to a file that is not there yet") {
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "disk");
    std::filesystem::create_symlink("disk/state", folder / "relative");
    std::filesystem::create_symlink(folder / "relative", folder / "absolute");  // to a link
    write_text(folder / "absolute", "new");
    CHECK(content(folder / "disk/state") == "new");
    CHECK(std::filesystem::is_symlink(folder / "absolute"));
    CHECK(std::filesystem::is_symlink(folder / "relative"));

    std::filesystem::create_symlink("no/such/folder", folder / "astray");
    const auto astray = message_of<daf::FileError>([&] { write_text(folder / "astray", "x"); });
    CHECK(contains(astray, "No such file or directory"));
    std::filesystem::create_symlink("circle", folder / "circle");
    const auto circle = message_of<daf::FileError>([&] { write_text(folder / "circle", "x"); });
    CHECK(contains(circle, "Remove the link that leads back to itself."));
    CHECK(std::filesystem::is_symlink(folder / "circle"));
}

TEST_CASE("write_atomically: two writers of one target do not meet") {
    const ScratchFolder folder;
    const auto path = folder / "state";
    daf::write_atomically(path, [&](daf::FileWriter& outer) {
        outer.write("outer");
        write_text(path, "inner");
        CHECK(content(path) == "inner");
    });
    CHECK(content(path) == "outer");
    CHECK(folder.entries() == 1);
}

TEST_CASE("write_atomically: targets that are no files") {
    const ScratchFolder folder;
    const auto missing = message_of<daf::FileError>([&] { write_text(folder / "no/such/state", "x"); });
    CHECK(contains(missing,
                   "state: No such file or directory. Check the path; folders on the way must exist."));

    const auto directory = message_of<daf::FileError>([&] { write_text(folder.path(), "x"); });
    CHECK(contains(directory, folder.path().string() + ": Is a directory. Name a file"));

    const auto pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(contains(message_of<daf::FileError>([&] { write_text(pipe, "x"); }), "it is not a regular file"));
    CHECK(std::filesystem::is_fifo(pipe));
    CHECK(contains(message_of<daf::FileError>([&] { daf::read_file(pipe); }), "it is not a regular file"));

    const std::string long_name(300, 'n');
    CHECK(contains(message_of<daf::FileError>([&] { write_text(folder / long_name, "x"); }), "shorter name"));
    CHECK(folder.entries() == 1);
}

TEST_CASE("read_file: what cannot be read") {
    const ScratchFolder folder;
    CHECK(contains(
        message_of<daf::FileError>([&] { daf::read_file(folder / "none"); }),
        "cannot open " + (folder / "none").string() + ": No such file or directory. Check the path"));
    CHECK(contains(message_of<daf::FileError>([&] { daf::read_file(folder.path()); }), "Is a directory"));
    const auto path = folder.file("ten", "0123456789");
    CHECK(daf::read_file(path, 10).size() == 10);
    CHECK(
        contains(message_of<daf::FileError>([&] { daf::read_file(path, 9); }), "at most 9 bytes, found 10"));
}

TEST_CASE("FileReader: a file that shrinks while it is read") {
    const ScratchFolder folder;
    const auto path = folder.file("ten", "0123456789");
    daf::FileReader file(path);
    CHECK(file.size() == 10);
    std::filesystem::resize_file(path, 4);
    std::vector<std::byte> bytes(10);
    CHECK(
        contains(message_of<daf::FileError>([&] { file.read(bytes); }), "expected 10 bytes, but it shrank"));
}
