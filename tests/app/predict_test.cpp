// `daf-cnn predict` on pictures of generated faces.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/picture.hpp"
#include "faces/faces.hpp"
#include "run_program.hpp"

namespace {

using daf_test::contains;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using nlohmann::json;

/// A checkpoint that has learned something, by whose certainty images differ.
std::filesystem::path trained(const ScratchFolder& folder) {
    REQUIRE(daf_test::train(folder / "run", {"--epochs", "2", "--lr", "0.003"}).status == 0);
    return folder / "run/best.safetensors";
}

std::vector<std::uint8_t> face(std::uint32_t number, int side) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side));
    daf_cnn::draw_face(daf::Seed{3}, daf_cnn::Split::test, number, side, pixels);
    return pixels;
}

std::string png_of(std::span<const std::uint8_t> pixels, int width, int height) {
    const auto bytes = daf_cnn::encode_png(pixels, width, height);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string face_png(std::uint32_t number, int side = 48) {
    return png_of(face(number, side), side, side);
}

Outcome predict(const std::filesystem::path& weights, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"predict", "--weights", weights};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return daf_test::daf_cnn(arguments);
}

json predictions(const std::filesystem::path& weights, std::vector<std::string> more) {
    more.insert(more.end(), {"--format", "json"});
    const Outcome outcome = predict(weights, more);
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(outcome.err.empty());
    return json::parse(outcome.out);
}

/// The records of a CSV by RFC 4180: quoted fields may hold anything, quotes doubled; CRLF behind every
/// record.
std::vector<std::vector<std::string>> records_of(const std::string& csv) {
    std::vector<std::vector<std::string>> records;
    std::vector<std::string> record{""};
    bool quoted = false;
    for (std::size_t i = 0; i < csv.size(); ++i) {
        if (csv[i] == '"') {
            if (quoted && csv[i + 1] == '"') {
                record.back() += csv[i++];
            } else {
                quoted = !quoted;
            }
        } else if (!quoted && csv[i] == ',') {
            record.emplace_back();
        } else if (!quoted && csv[i] == '\r') {
            REQUIRE(csv[++i] == '\n');
            records.push_back(record);
            record = {""};
        } else {
            record.back() += csv[i];
        }
    }
    CHECK(record == std::vector<std::string>{""});
    return records;
}

}  // namespace

TEST_CASE("predict: seven probabilities a face, the same in every format") {
    const ScratchFolder folder;
    const auto weights = trained(folder);
    const std::vector<std::string> names{folder.file("plain.png", face_png(0)),
                                         folder.file("with, comma \"and\" quotes.png", face_png(1)),
                                         folder.file("two\nlines.png", face_png(2))};
    const json array = predictions(weights, names);
    REQUIRE(array.size() == 3);
    const Outcome csv = predict(weights, {names[0], names[1], names[2], "--format", "csv"});
    const auto records = records_of(csv.out);
    REQUIRE(records.size() == 4);
    CHECK(records[0] == std::vector<std::string>{"image", "expression", "angry", "disgust", "fear", "happy",
                                                 "sad", "surprise", "neutral"});
    const Outcome text = predict(weights, names);
    std::istringstream lines(text.out);
    std::string line;
    std::getline(lines, line);
    CHECK(contains(line, "surprise  neutral  most likely  image"));

    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(array[i]["image"] == names[i]);
        CHECK(records[i + 1][0] == names[i]);
        CHECK(records[i + 1][1] == array[i]["expression"]);
        double sum = 0, most = 0;
        std::string likeliest;
        REQUIRE(array[i]["probabilities"].size() == 7);
        for (std::size_t k = 0; k < 7; ++k) {
            const double p = array[i]["probabilities"][records[0][k + 2]];
            CHECK(std::abs(std::stod(records[i + 1][k + 2]) - p) <= 0.5e-6);
            sum += p;
            if (p > most) likeliest = records[0][k + 2];
            most = std::max(most, p);
        }
        CHECK(sum == doctest::Approx(1));
        CHECK(array[i]["expression"] == likeliest);
        std::getline(lines, line);
        CHECK(contains(line, likeliest));
    }
    CHECK(contains(line, "two\\nlines.png"));  // a line a face, whatever its name holds
    CHECK_FALSE(std::getline(lines, line));
    CHECK(array[0]["probabilities"] != array[1]["probabilities"]);
}

TEST_CASE("predict: agrees with eval, in any batch and on any number of threads") {
    const ScratchFolder folder;
    const auto weights = trained(folder);
    // More faces than a batch has.
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < 70; ++i) {
        std::vector<std::uint8_t> pixels(48 * 48);
        daf_cnn::draw_face(daf::Seed{20}, daf_cnn::Split::validation, i, 48, pixels);
        names.push_back(folder.file(std::to_string(i) + ".png", png_of(pixels, 48, 48)));
    }
    const json array = predictions(weights, names);
    int correct = 0;
    for (std::uint32_t i = 0; i < names.size(); ++i) {
        const auto label =
            static_cast<std::size_t>(daf_cnn::face_label(daf::Seed{20}, daf_cnn::Split::validation, i));
        correct += array[i]["expression"] == daf_cnn::expression_names[label];
    }
    const Outcome judged = daf_test::daf_cnn({"eval", "--weights", weights, "--limit", "70", "--json"});
    CHECK(json::parse(judged.out)["accuracy"].get<double>() == doctest::Approx(correct / 70.0));
    // Alone, an image may take another convolution algorithm: the same up to rounding.
    const json alone = predictions(weights, {names[69]})[0];
    CHECK(alone["expression"] == array[69]["expression"]);
    for (const auto& [name, probability] : alone["probabilities"].items()) {
        CHECK(probability.get<double>() ==
              doctest::Approx(array[69]["probabilities"][name].get<double>()).epsilon(1e-4));
    }
    names.insert(names.end(), {"--threads", "3"});
    CHECK(predictions(weights, names) == array);
}

TEST_CASE("predict: the largest centred square counts, resampled to the network's size") {
    const ScratchFolder folder;
    const auto weights = trained(folder);
    const auto square = face(4, 48);
    std::vector<std::uint8_t> wide;
    for (std::size_t y = 0; y < 48; ++y) {
        wide.insert(wide.end(), 10, 255);
        wide.insert(wide.end(), square.begin() + static_cast<std::ptrdiff_t>(48 * y),
                    square.begin() + static_cast<std::ptrdiff_t>(48 * (y + 1)));
        wide.insert(wide.end(), 10, 0);
    }
    const json array = predictions(
        weights, {folder.file("square.png", png_of(square, 48, 48)),
                  folder.file("wide.png", png_of(wide, 68, 48)), folder.file("large.png", face_png(4, 192))});
    CHECK(array[0]["probabilities"] == array[1]["probabilities"]);
    for (const auto& [name, p] : array[0]["probabilities"].items())
        CHECK(array[2]["probabilities"][name].get<double>() ==
              doctest::Approx(p.get<double>()).epsilon(0.25));
}

TEST_CASE("predict: a bad image stops it before it prints, or is skipped and counted") {
    const ScratchFolder folder;
    const auto weights = trained(folder);
    const std::string good = folder.file("good.png", face_png(0));
    const std::string cut = folder.file("cut.png", face_png(1).substr(0, 300));
    const std::string empty = folder.file("empty.png", "");

    Outcome outcome = predict(weights, {good, cut});
    CHECK(outcome.status == 1);
    CHECK(outcome.out.empty());
    CHECK(is_one_clear_line(outcome.err, "cut.png: "));
    outcome = predict(weights, {good, folder / "none.png"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "none.png: No such file"));
    CHECK(predict(weights, {folder.path()}).status == 1);

    outcome = predict(weights, {cut, good, empty, "--skip-bad"});
    CHECK(outcome.status == 0);
    CHECK(outcome.out == predict(weights, {good}).out);
    CHECK(contains(outcome.err, "daf-cnn: skipped: " + cut + ": "));
    CHECK(contains(outcome.err, "daf-cnn: skipped: " + empty + ": "));
    CHECK(contains(outcome.err, "daf-cnn: skipped 2 of 3 images\n"));
    outcome = predict(weights, {cut, "--skip-bad"});
    CHECK(outcome.status == 1);
    CHECK(contains(outcome.err, "none of the 1 images could be read"));
    CHECK(outcome.out.empty());
}

TEST_CASE("predict: bad use") {
    const ScratchFolder folder;
    const std::string image = folder.file("good.png", face_png(0));
    const auto refused = [](const std::vector<std::string>& arguments, const char* part) {
        const Outcome outcome = daf_test::daf_cnn(arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.status == 2);
        CHECK(is_one_clear_line(outcome.err, part));
    };
    refused({"predict", image}, "--weights: expected a checkpoint");
    refused({"predict", "--weights", "w"}, "predict: expected the images of faces");
    refused({"predict", "--weights", "w", image, "--format", "xml"}, "--format: expected text, csv or json");
}

TEST_CASE("predict: a name in brackets with commas is one file's name") {
    const ScratchFolder folder;
    const auto weights = trained(folder);
    folder.file("a", face_png(0));
    folder.file("b", face_png(1));
    folder.file("[a,b]", face_png(2));
    folder.file("[c]", face_png(3));
    folder.file("[]", face_png(4));
    const std::vector<std::string> names{"a", "[a,b]", "[c]", "[]"};
    const std::string here = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    const json said = predictions(weights, names);
    std::filesystem::current_path(here);
    REQUIRE(said.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) CHECK(said[i]["image"] == names[i]);
}
