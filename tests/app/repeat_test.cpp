// `daf-cnn train --config`: a run again, from the file that it left.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "runs.hpp"

namespace {

using daf_test::check_same_run;
using daf_test::content_of;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using daf_test::train;
using nlohmann::ordered_json;

Outcome repeat(const std::filesystem::path& config, const std::filesystem::path& run,
               const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"train", "--config", config, "--run", run};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return daf_cnn(arguments);
}

/// The configuration of a run without the number of threads, which is the machine's.
ordered_json config_of(const std::filesystem::path& run) {
    auto json = ordered_json::parse(content_of(run / "config.json"));
    json.erase("threads");
    return json;
}

}  // namespace

TEST_CASE("repeat: config.json gives the same run again, to the bit, on any number of threads") {
    const ScratchFolder folder;
    // Values that follow from others, and some that follow from nothing.
    REQUIRE(train(folder / "first", {"--epochs", "2", "--recipe", "sfew", "--optimizer", "sgd", "--seed", "5",
                                     "--threads", "1"})
                .status == 0);
    REQUIRE(repeat(folder / "first/config.json", folder / "again", {"--threads", "3"}).status == 0);
    check_same_run(folder / "first", folder / "again");
    CHECK(config_of(folder / "first") == config_of(folder / "again"));
    // The copy goes on as the first would.
    CHECK(daf_cnn({"train", "--run", folder / "again", "--resume", "--epochs", "3"}).status == 0);
}

TEST_CASE("repeat: 50 steps of a whole preset give the same bits at 1, 2, 3, 4 and 8 threads") {
    const ScratchFolder folder;
    REQUIRE(daf_cnn({"train", "--run", folder / "one", "--epochs", "1", "--limit", "200", "--batch", "4",
                     "--threads", "1"})
                .status == 0);
    for (const char* threads : {"2", "3", "4", "8"}) {
        CAPTURE(threads);
        REQUIRE(repeat(folder / "one/config.json", folder / threads, {"--threads", threads}).status == 0);
        check_same_run(folder / "one", folder / threads);
    }
}

TEST_CASE("repeat: steps of batches that fill every part of a sum give the same bits on any threads") {
    const ScratchFolder folder;
    REQUIRE(daf_cnn({"train", "--run", folder / "one", "--epochs", "1", "--limit", "192", "--batch", "48",
                     "--threads", "1"})
                .status == 0);
    for (const char* threads : {"2", "3", "8"}) {
        CAPTURE(threads);
        REQUIRE(repeat(folder / "one/config.json", folder / threads, {"--threads", threads}).status == 0);
        check_same_run(folder / "one", folder / threads);
    }
}

TEST_CASE("repeat: what stands beside --config replaces the file's value and nothing else") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "first", {"--epochs", "1"}).status == 0);
    REQUIRE(repeat(folder / "first/config.json", folder / "sgd", {"--optimizer", "sgd", "--epochs", "2"})
                .status == 0);
    auto expected = config_of(folder / "first");
    expected["optimizer"] = "sgd";
    expected["epochs"] = 2;
    CHECK(config_of(folder / "sgd") == expected);
    CHECK(daf_test::metrics_of(folder / "sgd").size() == 2);
}

TEST_CASE("repeat: what cannot be repeated is told by file and entry, and no run is made") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "first", {"--epochs", "1"}).status == 0);
    const auto good = ordered_json::parse(content_of(folder / "first/config.json"));
    const auto refused = [&](const std::string& content, int status, const char* part) {
        const Outcome outcome = repeat(folder.file("config.json", content), folder / "run");
        CAPTURE(outcome.err);
        CHECK(outcome.status == status);
        CHECK(is_one_clear_line(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(folder / "run"));
    };
    refused("{", 1, "config.json:1:2: expected string literal, found end of input. ");
    refused("{\n \"batch\": 3\n \"seed\": 4}", 1, "config.json:3:7: expected '}', found string literal. ");
    refused("{\n \"batch\": 3x}", 1, "config.json:2:");
    refused("{\"data\": \"" + std::string(9000, 'x'), 1, "xxx....");
    refused("", 1, "config.json:1:1: expected ");
    refused("{\"lr\": 1e999}", 1, "config.json: expected numbers that a double holds, found '1e999'. ");
    refused("[3]", 1, "config.json: expected a JSON object with the options of a run, found a list. ");
    auto altered = good;
    altered["batch"] = "many";
    refused(altered.dump(), 1,
            "config.json: batch: expected a whole number in [1, 65536], but was given 'many'");
    altered = good;
    altered["colour"] = true;
    refused(altered.dump(), 1, "config.json: 'colour': expected the options of daf-cnn");
    altered = good;
    altered["data"] = nullptr;
    refused(altered.dump(), 1, "config.json: data: expected a text, but was given 'null'");
    altered = good;
    altered["epochs"] = nullptr;
    refused(altered.dump(), 1,
            "config.json: epochs: expected a whole number in [1, 1000000], but was given ");
    altered = good;
    altered.erase("alpha");
    refused(altered.dump(), 1, "config.json: 'alpha': expected an entry of that name, found none");

    CHECK(is_one_clear_line(repeat(folder / "none.json", folder / "run").err, "none.json: No such file"));
    const Outcome both = repeat(folder / "first/config.json", folder / "first", {"--resume"});
    CHECK(both.status == 2);
    CHECK(is_one_clear_line(both.err, "--config: --resume goes on by the run's own config.json"));
    CHECK(repeat(folder / "first/config.json", folder / "first").status == 2);  // the folder is taken
}
