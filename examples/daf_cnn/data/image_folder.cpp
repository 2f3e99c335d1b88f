#include "data/image_folder.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <daf/core/error.hpp>

#include "data/folder_names.hpp"
#include "data/picture.hpp"

namespace daf_cnn {

namespace {

namespace fs = std::filesystem;
using daf::Index;

[[noreturn]] void refuse(const fs::path& path, const std::string& expected, const std::string& found,
                         const std::string& remedy) {
    throw daf::FormatError(path.string() + ": expected " + expected + ", found " + found + ". " + remedy +
                           ".");
}

/// What is in a folder, junk left out, by name bytewise: the system's order differs from disk to disk.
std::vector<fs::path> entries_of(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        if (!is_junk(at->path().filename().string())) entries.push_back(at->path());
    }
    if (error) {
        throw daf::FileError("cannot read the folder " + folder.string() + ": " + error.message() +
                             ". Check its permissions.");
    }
    std::sort(entries.begin(), entries.end(),
              [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
    return entries;
}

/// Follows links. Throws where that leads nowhere.
bool is_folder(const fs::path& path) {
    std::error_code error;
    const bool folder = fs::is_directory(path, error);
    if (error) {
        throw daf::FileError("cannot follow " + path.string() + ": " + error.message() +
                             ". Repair it or remove it.");
    }
    return folder;
}

/// What becomes of bad files and folders: the first is thrown as a BadImage, or all are counted.
class BadOnes {
  public:
    BadOnes(Dataset& data, bool skip) : data_(data), skip_(skip) {}

    /// Runs a step that reads `path` and may throw a daf::Error, and says whether it was done.
    template <class Step>
    bool attempt(const fs::path& path, const Step& step) {
        try {
            step();
            return true;
        } catch (const daf::Error& bad) {
            if (!skip_) throw BadImage(bad.what());
            std::error_code ignored;
            const bool folder = fs::is_directory(path, ignored);
            data_.left_out += {folder ? 0u : 1u, folder ? 1u : 0u, bad.what()};
            return false;
        }
    }

  private:
    Dataset& data_;
    bool skip_;
};

/// The files of each class, in their order.
using ClassFiles = std::array<std::vector<fs::path>, expression_names.size()>;

ClassFiles files_of(const fs::path& split, BadOnes& bad) {
    ClassFiles files;
    std::array<fs::path, expression_names.size()> folders;
    for (const fs::path& entry : entries_of(split)) {
        std::optional<Expression> expression;
        std::vector<fs::path> images;
        const bool good = bad.attempt(entry, [&] {
            if (!is_folder(entry))
                refuse(entry, "folders of images, one a class", "a file", "Move it into its class");
            expression = expression_named(entry.filename().string());
            if (!expression)
                refuse(entry, "a class: " + class_spellings(), "another name", "Rename or move the folder");
            images = entries_of(entry);
            if (images.empty())
                refuse(entry, "images of the class", "an empty folder", "Fill it or remove it");
        });
        if (!good) continue;
        const auto label = static_cast<std::size_t>(*expression);
        if (!folders[label].empty()) {
            refuse(entry, "one folder for the class " + std::string(expression_names[label]),
                   "a second one beside " + folders[label].string(), "Join the two");
        }
        folders[label] = entry;
        files[label] = std::move(images);
    }
    return files;
}

struct Candidate {
    fs::path path;
    std::int32_t label;
};

/// One of each class in turn.
std::vector<Candidate> in_turn(ClassFiles files) {
    std::size_t most = 0;
    for (const auto& of_class : files) most = std::max(most, of_class.size());
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < most; ++i) {
        for (std::size_t label = 0; label < files.size(); ++label) {
            if (i < files[label].size())
                candidates.push_back({std::move(files[label][i]), static_cast<std::int32_t>(label)});
        }
    }
    return candidates;
}

/// A decoded image, or why there is none.
struct Square {
    std::vector<std::uint8_t> pixels;
    int side = 0;
    std::exception_ptr error;
};

Square square_in(const fs::path& path, int largest) noexcept {
    Square square;
    try {
        if (is_folder(path))
            refuse(path, "an image", "a folder", "Move its images to the class's own folder");
        const Picture picture = read_picture(path);
        square.side = std::min({picture.width, picture.height, largest});
        square.pixels = square_of(picture, square.side);
    } catch (...) {
        square.error = std::current_exception();
    }
    return square;
}

/// All squares behind one another, those that are not of the data's side enlarged to it.
void lay_out(Dataset& data, std::vector<Square>& squares) {
    data.images.reserve(squares.size() * data.image_bytes());
    for (Square& square : squares) {
        if (square.side != data.side)
            square.pixels = square_of({square.side, square.side, std::move(square.pixels)}, data.side);
        data.images.insert(data.images.end(), square.pixels.begin(), square.pixels.end());
        square = {};
    }
}

Dataset read_split(daf::Cpu& cpu, const fs::path& folder, const ImageFolderOptions& options) {
    // So many at once: after a bad file, no more than these are decoded in vain.
    constexpr std::size_t block = 1024;
    Dataset data;
    data.source = folder.string();
    BadOnes bad(data, options.skip_bad);
    const std::vector<Candidate> candidates = in_turn(files_of(folder, bad));
    const std::size_t wanted = options.limit.value_or(candidates.size());
    std::vector<Square> squares;
    for (std::size_t next = 0; next < candidates.size() && squares.size() < wanted;) {
        const std::size_t count = std::min({block, wanted - squares.size(), candidates.size() - next});
        std::vector<Square> read(count);
        cpu.parallel(static_cast<Index>(count), [&](Index i) {
            const auto at = static_cast<std::size_t>(i);
            read[at] = square_in(candidates[next + at].path, options.side);
        });
        for (std::size_t i = 0; i < count; ++i) {
            const fs::path& path = candidates[next + i].path;
            if (read[i].error && !bad.attempt(path, [&] { std::rethrow_exception(read[i].error); })) continue;
            squares.push_back(std::move(read[i]));
            data.labels.push_back(candidates[next + i].label);
        }
        next += count;
    }
    if (squares.empty()) {
        refuse(
            folder, "images in folders of their classes",
            data.left_out.empty() ? "none" : "none that can be read (the first: " + data.left_out.first + ")",
            "Choose another folder or fill it");
    }
    const bool alike = std::all_of(squares.begin(), squares.end(),
                                   [&](const Square& square) { return square.side == squares[0].side; });
    data.side = alike ? squares[0].side : options.side;
    lay_out(data, squares);
    return data;
}

/// The folder of each split that ROOT has.
std::array<fs::path, 3> split_folders(const fs::path& root) {
    std::array<fs::path, 3> folders;
    for (const fs::path& entry : entries_of(root)) {
        const std::optional<Split> split = split_named(entry.filename().string());
        if (!split || !is_folder(entry)) continue;
        fs::path& folder = folders[static_cast<std::size_t>(*split)];
        if (!folder.empty())
            refuse(entry, "one folder for this split", "a second one beside " + folder.string(),
                   "Join the two");
        folder = entry;
    }
    return folders;
}

}  // namespace

Splits read_image_folder(daf::Cpu& cpu, const fs::path& root, const ImageFolderOptions& options) {
    const std::array<fs::path, 3> folders = split_folders(root);
    for (const Split split : options.splits) {
        if (folders[static_cast<std::size_t>(split)].empty()) {
            refuse(root, "a folder named " + spellings(split), "none",
                   "Lay the images out as " + (root / "train/happy/1.png").string() +
                       ", and val and test alike");
        }
    }
    Splits splits;
    for (const Split split : options.splits)
        splits[split] = read_split(cpu, folders[static_cast<std::size_t>(split)], options);
    return splits;
}

}  // namespace daf_cnn
