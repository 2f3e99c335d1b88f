// Folders of images as a data set: what is recognised, in which order, at which size, and what is refused.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include <daf/core/error.hpp>

#include "data/data.hpp"
#include "data/folder_names.hpp"
#include "data/image_folder.hpp"
#include "run_program.hpp"
#include "support/face_folder.hpp"

namespace {

namespace fs = std::filesystem;
using daf_cnn::Dataset;
using daf_cnn::Expression;
using daf_cnn::ImageFolderOptions;
using daf_cnn::Split;
using daf_test::contains;
using daf_test::face_folder;
using daf_test::message_of;
using daf_test::ScratchFolder;

/// A PNG of one grey value.
std::string plain(std::uint8_t grey, int width = 4, int height = 4) {
    const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height), grey);
    const auto png = daf_cnn::encode_png(pixels, width, height);
    return {reinterpret_cast<const char*>(png.data()), png.size()};
}

void put(const fs::path& path, const std::string& content) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
}

Dataset training_split(const fs::path& root, ImageFolderOptions options = {}, int threads = 2) {
    daf::Cpu cpu(daf::Threads{threads});
    options.splits = {Split::train};
    if (options.side == 0) options.side = 8;
    return daf_cnn::read_image_folder(cpu, root, options).train;
}

std::string refusal(const fs::path& root) {
    return message_of<daf_cnn::BadImage>([&] { training_split(root); });
}

/// The grey value of each image, which must be of one value.
std::vector<int> greys(const Dataset& data) {
    std::vector<int> values;
    for (std::size_t i = 0; i < data.size(); ++i) {
        values.push_back(data.image(i)[0]);
        for (const std::uint8_t pixel : data.image(i)) REQUIRE(pixel == values.back());
    }
    return values;
}

}  // namespace

TEST_CASE("image folder: the usual names of splits and classes, in any case") {
    for (const char* name : {"train", "Train", "TRAINING"}) CHECK(daf_cnn::split_named(name) == Split::train);
    for (const char* name : {"val", "Valid", "validation", "PublicTest"})
        CHECK(daf_cnn::split_named(name) == Split::validation);
    for (const char* name : {"test", "Testing", "PrivateTest"})
        CHECK(daf_cnn::split_named(name) == Split::test);
    CHECK_FALSE(daf_cnn::split_named("trains"));
    const std::vector<std::pair<Expression, std::vector<const char*>>> spellings{
        {Expression::angry, {"angry", "Anger", "ANGRY"}},
        {Expression::disgust, {"Disgust", "disgusted"}},
        {Expression::fear, {"Fear", "fearful"}},
        {Expression::happy, {"Happy", "happiness"}},
        {Expression::sad, {"Sad", "sadness"}},
        {Expression::surprise, {"Surprise", "surprised"}},
        {Expression::neutral, {"Neutral", "NEUTRAL"}}};
    for (const auto& [expression, names] : spellings) {
        for (const char* name : names) CHECK(daf_cnn::expression_named(name) == expression);
    }
    for (const char* name : {"contempt", "0", "", "angryy"}) CHECK_FALSE(daf_cnn::expression_named(name));
}

TEST_CASE("image folder: one of each class in turn, by name bytewise, and a limit is the beginning of that") {
    const ScratchFolder scratch;
    const fs::path root = scratch / "a folder";
    put(root / "Training/Happiness/b 2.png", plain(32));
    put(root / "Training/Happiness/b 10.png", plain(31));
    put(root / "Training/Happiness/B.png", plain(30));
    put(root / "Training/Happiness/\xC3\xA4\n.png", plain(33));
    put(root / "Training/anger/only.png", plain(1));
    put(root / "Training/Neutral/1.png", plain(60));
    put(root / "Training/Neutral/2.png", plain(61));
    put(root / "Training/Neutral/.hidden.png", "no image");
    put(root / "Training/Neutral/Thumbs.db", "no image");
    put(root / "Training/.DS_Store", "no folder");
    put(root / "README", "what lies beside the splits is left alone");
    put(root / "other/happy/1.png", "no image");
    const std::vector<int> labels{0, 3, 6, 3, 6, 3, 3}, values{1, 30, 60, 31, 61, 32, 33};
    for (const int threads : {1, 3}) {
        const Dataset data = training_split(root, {}, threads);
        CHECK(std::vector<int>(data.labels.begin(), data.labels.end()) == labels);
        CHECK(greys(data) == values);
        CHECK(data.source == (root / "Training").string());
        CHECK(data.left_out.empty());
    }
    ImageFolderOptions options;
    for (std::size_t limit = 1; limit <= 8; ++limit) {
        options.limit = limit;
        const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(limit, 7));
        CHECK(greys(training_split(root, options)) ==
              std::vector<int>(values.begin(), values.begin() + count));
    }
}

TEST_CASE("image folder: squares of one size stay as they are, others are brought to the network's side") {
    const ScratchFolder scratch;
    const fs::path root = scratch / "root";
    put(root / "train/sad/1.png", plain(10, 4, 6));
    put(root / "train/sad/2.png", plain(20, 9, 4));
    CHECK(training_split(root).side == 4);
    put(root / "train/sad/3.png", plain(30, 20, 30));
    const Dataset data = training_split(root);
    CHECK(data.side == 8);
    CHECK(greys(data) == std::vector<int>{10, 20, 30});
}

TEST_CASE("image folder: the faces of a CSV as PNG files are the same data set") {
    const ScratchFolder scratch;
    const fs::path root = face_folder(scratch, "faces", 14, 48);
    daf::Cpu cpu(daf::Threads{2});
    auto folder = daf_cnn::load_data(cpu, {root.string()}, 96, {Split::validation});
    auto drawn = daf_cnn::load_data(cpu, {"generated", daf::Seed{20}, 14}, 48, {Split::validation});
    REQUIRE(folder.validation.side == 48);  // not enlarged twice
    // The folder's order is by class; each drawn face is in it once, with its label.
    for (std::size_t i = 0; i < 14; ++i) {
        const auto face = drawn.validation.image(i);
        int found = 0;
        for (std::size_t j = 0; j < 14; ++j) {
            const auto other = folder.validation.image(j);
            found += std::equal(face.begin(), face.end(), other.begin()) &&
                     drawn.validation.labels[i] == folder.validation.labels[j];
        }
        CHECK(found == 1);
    }
}

TEST_CASE("image folder: what is bad is refused with its name, or left out and counted") {
    struct Case {
        std::string name;
        std::function<void(const fs::path& train)> spoil;
        const char* part;
        std::size_t images = 1, folders = 0;
    };
    const std::vector<Case> cases{
        {"zero-byte", [](const fs::path& t) { put(t / "happy/0.png", ""); },
         "happy/0.png: expected a JPEG, PNG"},
        {"text", [](const fs::path& t) { put(t / "happy/0.png", "hello\n"); }, "found text"},
        {"other files", [](const fs::path& t) { put(t / "happy/list.csv", "1,2\n"); },
         "happy/list.csv: expected"},
        {"truncated", [](const fs::path& t) { put(t / "happy/0.png", plain(3).substr(0, 50)); },
         "0.png: expected a whole PNG image"},
        {"huge",
         [](const fs::path& t) {
             std::string png = plain(3);
             png.replace(16, 8, std::string("\0\x01\x86\xA0\0\x01\x86\xA0", 8));
             put(t / "happy/0.png", png);
         },
         "a PNG header of 100000 x 100000 pixels"},
        {"newline", [](const fs::path& t) { put(t / "happy/a b\nc.png", ""); }, "happy/a b\nc.png: expected"},
        {"loop", [](const fs::path& t) { fs::create_symlink("0.png", t / "happy/0.png"); },
         "happy/0.png: Too many levels of symbolic links"},
        {"link to its own folder", [](const fs::path& t) { fs::create_directory_symlink(t, t / "happy/up"); },
         "happy/up: expected an image, found a folder", 0, 1},
        {"dangling", [](const fs::path& t) { fs::create_symlink("nowhere", t / "happy/0.png"); },
         "0.png: No such file"},
        {"pipe", [](const fs::path& t) { REQUIRE(::mkfifo((t / "happy/0.png").c_str(), 0600) == 0); },
         "it is not a regular file"},
        {"folder among images", [](const fs::path& t) { put(t / "happy/more/1.png", plain(1)); },
         "happy/more: expected an image, found a folder", 0, 1},
        {"unknown class",
         [](const fs::path& t) {
             put(t / "contempt/1.png", plain(1));
             put(t / "contempt/2.png", plain(2));
         },
         "contempt: expected a class: angry (anger), disgust (disgusted)", 0, 1},
        {"empty class", [](const fs::path& t) { fs::create_directory(t / "fear"); },
         "fear: expected images of the class, found an empty folder", 0, 1},
        {"looping class", [](const fs::path& t) { fs::create_symlink("fear", t / "fear"); },
         "fear: Too many levels of symbolic links"},
        {"image beside the classes", [](const fs::path& t) { put(t / "1.png", plain(1)); },
         "1.png: expected folders of images, one a class, found a file"},
        {"two",
         [](const fs::path& t) {
             put(t / "happy/0.png", "first\n");
             put(t / "sad/0.png", "");
         },
         "happy/0.png", 2},
    };
    for (const Case& each : cases) {
        CAPTURE(each.name);
        const ScratchFolder scratch;
        const fs::path train = scratch / "root/train";
        put(train / "happy/1.png", plain(40));
        put(train / "sad/1.png", plain(50));
        each.spoil(train);
        const std::string said = refusal(scratch / "root");
        CAPTURE(said);
        CHECK(contains(said, each.part));
        ImageFolderOptions options;
        options.skip_bad = true;
        const Dataset data = training_split(scratch / "root", options);
        std::vector<int> left = greys(data);
        std::sort(left.begin(), left.end());
        CHECK(left == std::vector<int>{40, 50});
        CHECK(data.left_out.images == each.images);
        CHECK(data.left_out.folders == each.folders);
        CHECK(contains(data.left_out.first, each.part));
    }
}

TEST_CASE("image folder: a limit counts good images") {
    const ScratchFolder scratch;
    for (int i = 0; i < 6; ++i) {
        put(scratch / ("root/train/happy/" + std::to_string(i) + ".png"),
            i % 2 == 0 ? "bad" : plain(static_cast<std::uint8_t>(i)));
    }
    ImageFolderOptions options;
    options.skip_bad = true;
    options.limit = 2;
    const Dataset data = training_split(scratch / "root", options);
    CHECK(greys(data) == std::vector<int>{1, 3});
    CHECK(data.left_out.images == 2);
}

TEST_CASE("image folder: what makes the whole folder useless is refused even where bad files are skipped") {
    const ScratchFolder scratch;
    ImageFolderOptions skip;
    skip.skip_bad = true;
    const auto said = [&](const fs::path& root) {
        return message_of<daf::Error>([&] { training_split(root, skip); });
    };
    fs::create_directory(scratch / "empty");
    CHECK(contains(said(scratch / "empty"), "empty: expected a folder named train or training, found none"));
    fs::create_directories(scratch / "bare/train");
    CHECK(
        contains(said(scratch / "bare"), "train: expected images in folders of their classes, found none. "));
    put(scratch / "bad/train/happy/1.png", "");
    CHECK(contains(said(scratch / "bad"), "found none that can be read (the first: "));
    put(scratch / "splits/train/happy/1.png", plain(1));
    put(scratch / "splits/Training/happy/1.png", plain(1));
    CHECK(
        contains(said(scratch / "splits"), "expected one folder for this split, found a second one beside "));
    put(scratch / "classes/train/happy/1.png", plain(1));
    put(scratch / "classes/train/Happiness/1.png", plain(1));
    CHECK(contains(said(scratch / "classes"), "expected one folder for the class happy, found a second one"));
    fs::create_symlink("train", scratch / "bad/loop");
    fs::create_directory(scratch / "looping");
    fs::create_symlink("train", scratch / "looping/train");
    CHECK(contains(said(scratch / "looping"), "looping/train: Too many levels of symbolic links"));
}

TEST_CASE("image folder: no permission is said of the file or the folder") {
    const ScratchFolder scratch;
    put(scratch / "root/train/happy/1.png", plain(1));
    put(scratch / "root/train/happy/2.png", plain(2));
    fs::permissions(scratch / "root/train/happy/1.png", fs::perms::none);
    // Root may read everything, so it becomes nobody for a while.
    const bool is_root = ::geteuid() == 0;
    constexpr ::uid_t nobody = 65534;
    if (is_root) REQUIRE(::seteuid(nobody) == 0);
    const std::string of_file = refusal(scratch / "root");
    if (is_root) REQUIRE(::seteuid(0) == 0);
    fs::permissions(scratch / "root/train/happy", fs::perms::none);
    if (is_root) REQUIRE(::seteuid(nobody) == 0);
    const std::string of_folder = refusal(scratch / "root");
    if (is_root) REQUIRE(::seteuid(0) == 0);
    fs::permissions(scratch / "root/train/happy", fs::perms::owner_all);
    CHECK(contains(of_file, "happy/1.png: Permission denied"));
    CHECK(contains(of_folder, "happy: Permission denied"));
}

TEST_CASE("image folder: the program trains and judges on one, and tells what it skipped") {
    const ScratchFolder scratch;
    const fs::path root = face_folder(scratch, "faces", 35);
    put(root / "train/happy/0 \n.png", "");
    put(root / "test/happy/0.jpg", "text");
    put(root / "test/contempt/1.png", plain(1));
    put(root / "test/contempt/2.png", plain(2));
    const std::string run = scratch / "run";
    daf_test::Outcome outcome = daf_test::daf_cnn({"train", "--run", run, "--data", root, "--epochs", "1"});
    CHECK(outcome.status == 1);
    CHECK(daf_test::is_one_clear_line(outcome.err, "train/happy/0 \\n.png: expected a JPEG"));
    CHECK(outcome.err.ends_with(" Or leave out what is bad: --skip-bad.\n"));
    CHECK_FALSE(fs::exists(run));

    outcome = daf_test::daf_cnn({"train", "--run", run, "--data", root, "--epochs", "1", "--skip-bad"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(daf_test::is_one_clear_line(outcome.err, "skipped 1 bad image: "));
    CHECK(contains(outcome.err, "0 \\n.png"));
    CHECK(contains(outcome.out, "35 to train on, 35 to validate, enlarged from 16x16"));
    const std::string config = daf_test::content_of(run + "/config.json");
    CHECK(contains(config, "\"recipe\": \"sfew\""));
    CHECK(contains(config, "\"skip-bad\": true"));
    CHECK(contains(config, "\"margin\": 13,"));

    const std::vector<std::string> eval{"eval",    "--weights", run + "/best.safetensors", "--data", root,
                                        "--split", "test"};
    outcome = daf_test::daf_cnn(eval);
    CHECK(outcome.status == 1);
    CHECK(daf_test::is_one_clear_line(outcome.err, " Or leave out what is bad: --skip-bad."));
    auto skipping = eval;
    skipping.insert(skipping.end(), {"--skip-bad", "--json"});
    outcome = daf_test::daf_cnn(skipping);
    CHECK(outcome.status == 0);
    CHECK(daf_test::is_one_clear_line(outcome.err, "skipped 1 bad image and 1 folder, the first: "));
    CHECK(contains(outcome.out, "\"images\":35,\"skipped\":1,\"skipped_folders\":1"));

    // What a run has begun with is its own: neither --resume nor report can leave anything else out.
    const std::string whole = scratch / "whole";
    fs::remove(root / "train/happy/0 \n.png");
    REQUIRE(daf_test::daf_cnn({"train", "--run", whole, "--data", root, "--epochs", "1"}).status == 0);
    put(root / "train/happy/0 \n.png", "");
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"train", "--run", whole, "--resume", "--epochs", "2"},
          std::vector<std::string>{"report", "--run", whole}}) {
        outcome = daf_test::daf_cnn(command);
        CHECK(outcome.status == 1);
        CHECK(daf_test::is_one_clear_line(outcome.err, "train/happy/0 \\n.png: expected a JPEG"));
        CHECK_FALSE(contains(outcome.err, "--skip-bad"));
    }
}
