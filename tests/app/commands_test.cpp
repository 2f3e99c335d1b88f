// `daf-cnn bench`, `faces` and the CSV path, as a user runs them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "run_program.hpp"

namespace {

using daf_test::contains;
using daf_test::content_of;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using daf_test::train;
using nlohmann::json;

}  // namespace

TEST_CASE("bench: one line of JSON with every iteration's milliseconds") {
    for (const char* mode : {"train", "infer", "attention", "tc", "tc-1000"}) {
        CAPTURE(mode);
        const Outcome outcome = daf_cnn(
            {"bench", "--preset", "lite", "--batch", "2", "--threads", "2", "--mode", mode, "--json"});
        REQUIRE(outcome.status == 0);
        CHECK(outcome.out.find('\n') == outcome.out.size() - 1);
        const json line = json::parse(outcome.out);
        CHECK(line["mode"] == mode);
        CHECK(line["batch"] == 2);
        CHECK_FALSE(line["instruction_sets"].get<std::string>().empty());
        REQUIRE(line["ms"].size() >= 5);
        CHECK(line["ms"].size() <= 400);
        for (const json& ms : line["ms"]) CHECK(ms.get<double>() > 0);
    }
    const Outcome outcome = daf_cnn({"bench", "--batch", "2", "--mode", "tc"});
    CHECK(contains(outcome.out, "tc lite, batch 2"));
    CHECK(contains(outcome.out, "median"));
    CHECK(contains(outcome.out, "instruction sets: "));
}

TEST_CASE("faces: a sheet of grey values, and nothing overwritten without --force") {
    const ScratchFolder folder;
    const std::string out = folder / "sheet.pgm";
    REQUIRE(daf_cnn({"faces", "--out", out, "--rows", "7", "--columns", "2", "--size", "24"}).status == 0);
    const std::string sheet = content_of(out);
    const std::string header = "P5\n48 168\n255\n";
    CHECK(sheet.starts_with(header));
    CHECK(sheet.size() == header.size() + 48 * 168);

    const Outcome refused = daf_cnn({"faces", "--out", out, "--size", "32"});
    CHECK(refused.status == 2);
    CHECK(is_one_clear_line(refused.err, "sheet.pgm' exists; add --force"));
    CHECK((content_of(out) == sheet));
    CHECK(daf_cnn({"faces", "--out", out, "--size", "24", "--columns", "2", "--data-seed", "9", "--force"})
              .status == 0);
    CHECK(content_of(out).size() == sheet.size());
    CHECK((content_of(out) != sheet));

    const Outcome nowhere = daf_cnn({"faces", "--out", folder / "none/sheet.pgm"});
    CHECK(nowhere.status == 1);
    CHECK(is_one_clear_line(nowhere.err, "none/sheet.pgm: No such file"));
}

TEST_CASE("faces: sheet and CSV are two files, however one is spelt") {
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "faces");
    std::filesystem::create_directory_symlink(folder / "faces", folder / "link");
    for (const std::filesystem::path& other : {folder / "faces/./g.pgm", folder / "link/g.pgm"}) {
        const std::string out = folder / "faces/g.pgm";
        const Outcome outcome = daf_cnn({"faces", "--out", out, "--csv", other, "--limit", "7"});
        CHECK(outcome.status == 2);
        CHECK(is_one_clear_line(outcome.err, "--csv: expected another file than --out's '" + out + "'"));
        CHECK_FALSE(std::filesystem::exists(out));
    }
}

TEST_CASE("faces: two names that lead nowhere are two, and what is wrong with the first is said") {
    const ScratchFolder folder;
    std::filesystem::create_symlink("loop", folder / "loop");
    const std::string out = folder / "loop/sheet.pgm";
    Outcome outcome = daf_cnn({"faces", "--out", out, "--csv", folder / "loop/faces.csv"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "loop/sheet.pgm: Too many levels of symbolic links"));
    outcome = daf_cnn({"faces", "--out", out, "--csv", folder / "loop/./sheet.pgm"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--csv: expected another file than --out's '" + out + "'"));
}

TEST_CASE("faces: as a CSV they train to the same bits as generated") {
    const ScratchFolder folder;
    const std::string csv = folder / "faces.csv";
    REQUIRE(daf_cnn({"faces", "--csv", csv, "--limit", "64"}).status == 0);
    REQUIRE(train(folder / "generated", {"--epochs", "1"}).status == 0);
    REQUIRE(train(folder / "read", {"--epochs", "1", "--data", csv, "--augment", "off"}).status == 0);
    CHECK(
        (content_of(folder / "generated/last.safetensors") == content_of(folder / "read/last.safetensors")));

    const auto accuracy = [&](const std::string& data, const char* split) {
        const Outcome outcome = daf_cnn({"eval", "--weights", folder / "read/best.safetensors", "--data",
                                         data, "--split", split, "--limit", "64", "--json"});
        REQUIRE(outcome.status == 0);
        json figures = json::parse(outcome.out);
        figures.erase("data");
        return figures;
    };
    for (const char* split : {"train", "val", "test"})
        CHECK(accuracy(csv, split) == accuracy("generated", split));
    CHECK(accuracy(csv, "val")["confusion"] != accuracy(csv, "test")["confusion"]);
}
