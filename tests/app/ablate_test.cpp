// `daf-cnn ablate`: four variants, several seeds, one table.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "runs.hpp"
#include "training/ablation.hpp"
#include "training/run_lock.hpp"

namespace {

using daf_test::check_same_run;
using daf_test::contains;
using daf_test::content_of;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using nlohmann::json;

const std::vector<std::string> few{"--limit", "32", "--batch", "32", "--epochs", "1"};

Outcome ablate(const std::filesystem::path& folder, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"ablate", "--run", folder};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return daf_test::daf_cnn(arguments);
}

std::vector<std::string> and_few(std::vector<std::string> more) {
    more.insert(more.end(), few.begin(), few.end());
    return more;
}

json ablation_of(const std::filesystem::path& folder) {
    return json::parse(content_of(folder / "ablation.json"))["variants"];
}

}  // namespace

TEST_CASE("ablate: Table 1's four variants in their folders, and each run as train would do it") {
    const ScratchFolder folder;
    const Outcome outcome = ablate(folder / "all", and_few({"--seeds", "2", "--seed", "4"}));
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    struct Row {
        const char *name, *folder, *attention, *objective;
        double paper;
    };
    const std::vector<Row> rows{{"DAF-CNN_NOatt&tcl", "noatt-notcl", "none", "softmax", 0.7041},
                                {"DAF-CNN_NOatt", "noatt", "none", "joint", 0.7138},
                                {"DAF-CNN_NOtcl", "notcl", "full", "softmax", 0.7180},
                                {"DAF-CNN", "full", "full", "joint", 0.7239}};
    const json variants = ablation_of(folder / "all");
    REQUIRE(variants.size() == 4);
    for (std::size_t v = 0; v < 4; ++v) {
        const json& variant = variants[v];
        CHECK(variant["name"] == rows[v].name);
        CHECK(variant["folder"] == rows[v].folder);
        CHECK(variant["paper"] == rows[v].paper);
        CHECK(variant["seeds"] == json{4, 5});
        REQUIRE(variant["accuracies"].size() == 2);
        const double first = variant["accuracies"][0], second = variant["accuracies"][1];
        CHECK(variant["mean"].get<double>() == doctest::Approx((first + second) / 2));
        CHECK(variant["spread"].get<double>() == doctest::Approx(std::abs(first - second) / std::sqrt(2.0)));
        for (int seed : {4, 5}) {
            const auto run = folder / "all" / rows[v].folder / ("seed-" + std::to_string(seed));
            const json config = json::parse(content_of(run / "config.json"));
            CHECK(config["attention"] == rows[v].attention);
            CHECK(config["objective"] == rows[v].objective);
            CHECK(config["seed"] == seed);
            CHECK(daf_test::metrics_of(run)[0]["val_accuracy"] ==
                  variant["accuracies"][std::size_t(seed - 4)]);
        }
        // The table's line says the same.
        const auto at = outcome.out.rfind(std::string("\n") + rows[v].name + " ");
        REQUIRE(at != std::string::npos);
        std::istringstream line(outcome.out.substr(at, outcome.out.find('\n', at + 1) - at));
        std::string name, attention, objective;
        double paper = 0, mean = 0, spread = 0;
        line >> name >> attention >> objective >> paper >> mean >> spread;
        CHECK(attention == rows[v].attention);
        CHECK(objective == rows[v].objective);
        CHECK(paper == rows[v].paper);
        CHECK(mean == doctest::Approx(variant["mean"].get<double>()).epsilon(1e-3));
        CHECK(spread == doctest::Approx(variant["spread"].get<double>()).epsilon(1e-2));
    }
    REQUIRE(daf_test::daf_cnn({"train", "--run", folder / "alone", "--limit", "32", "--batch", "32",
                               "--epochs", "1", "--seed", "5", "--objective", "softmax"})
                .status == 0);
    check_same_run(folder / "alone", folder / "all/notcl/seed-5");
}

TEST_CASE("ablate: resume keeps what is finished, goes on with what is not, and adds seeds") {
    const ScratchFolder folder;
    REQUIRE(ablate(folder / "all", few).status == 0);
    const json whole = ablation_of(folder / "all");
    const std::string kept = content_of(folder / "all/noatt/seed-1/last.safetensors");
    // As if it had been stopped: one run before its first epoch ended, one before it began.
    for (const char* file : {"last.safetensors", "best.safetensors", "metrics.jsonl"})
        std::filesystem::remove(folder / "all/notcl/seed-1" / file);
    std::filesystem::remove_all(folder / "all/full/seed-1");
    std::filesystem::remove(folder / "all/ablation.json");
    Outcome outcome = daf_test::daf_cnn({"report", "--run", folder / "all"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "ablation.json: expected the table of this ablation, found none"));
    outcome = ablate(folder / "all", {"--resume"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(ablation_of(folder / "all") == whole);
    CHECK(contains(outcome.out, "kept: " + (folder / "all/noatt/seed-1").string()));
    CHECK_FALSE(contains(outcome.out, "kept: " + (folder / "all/notcl/seed-1").string()));
    CHECK((content_of(folder / "all/noatt/seed-1/last.safetensors") == kept));

    outcome = ablate(folder / "all", {"--resume", "--seeds", "2"});
    REQUIRE(outcome.status == 0);
    const json more = ablation_of(folder / "all");
    for (std::size_t v = 0; v < 4; ++v) {
        CHECK(more[v]["seeds"] == json{1, 2});
        CHECK(more[v]["accuracies"][0] == whole[v]["accuracies"][0]);
    }
    // One of them is trained on alone: then it is no run of this table any more.
    const auto longer = folder / "all/full/seed-2";
    REQUIRE(daf_test::resume(longer, {"--epochs", "2"}).status == 0);
    outcome = ablate(folder / "all", {"--resume"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err,
                            "--epochs: '" + longer.string() +
                                "' has done 2 epochs, expected at least as many, but was given '1'"));
}

TEST_CASE("ablate: too few epochs are refused before anything is written or trained") {
    const ScratchFolder folder;
    REQUIRE(ablate(folder / "all", few).status == 0);
    const std::string config = content_of(folder / "all/config.json");
    // The last run alone has more, and an earlier one is still to be trained.
    const auto longer = folder / "all/full/seed-1";
    REQUIRE(daf_test::resume(longer, {"--epochs", "3"}).status == 0);
    std::filesystem::remove_all(folder / "all/noatt-notcl/seed-1");
    const Outcome outcome = ablate(folder / "all", {"--resume", "--epochs", "2"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--epochs: '" + longer.string() + "' has done 3 epochs"));
    CHECK(outcome.out == "");
    CHECK((content_of(folder / "all/config.json") == config));
    CHECK_FALSE(std::filesystem::exists(folder / "all/noatt-notcl/seed-1"));
    CHECK(std::filesystem::exists(folder / "all/ablation.json"));
}

TEST_CASE("ablate: the table of fewer epochs is gone before a run goes on to more of them") {
    const ScratchFolder folder;
    REQUIRE(ablate(folder / "all", few).status == 0);
    daf_test::RunningProgram more({DAF_CNN_PROGRAM, "ablate", "--run", folder / "all", "--resume",  //
                                   "--epochs", "1000"});
    daf_test::wait_until([&] { return contains(more.out_so_far(), "epoch    2/1000"); });
    more.send(SIGKILL);
    more.wait();
    const Outcome outcome = daf_test::daf_cnn({"report", "--run", folder / "all"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "ablation.json: expected the table of this ablation, found none"));
}

TEST_CASE("ablate: with fewer seeds the table is of those from the beginning") {
    const ScratchFolder folder;
    REQUIRE(ablate(folder / "all", and_few({"--seeds", "2"})).status == 0);
    const json both = ablation_of(folder / "all");
    // Another program holds the last run, so that the command ends before it has looked at all of them.
    const daf_cnn::RunLock held(folder / "all/full/seed-1");
    const Outcome outcome = ablate(folder / "all", {"--resume", "--seeds", "1"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "is training in '" + (folder / "all/full/seed-1").string()));
    const json one = ablation_of(folder / "all");
    REQUIRE(one.size() == 4);
    for (std::size_t v = 0; v < 4; ++v) {
        CHECK(one[v]["seeds"] == json::array({1}));
        CHECK(one[v]["accuracies"] == json::array({both[v]["accuracies"][0]}));
    }
    CHECK(json::parse(content_of(folder / "all/config.json"))["seeds"] == 1);
}

TEST_CASE("ablate: contradictions and bad use are refused") {
    const ScratchFolder folder;
    REQUIRE(ablate(folder / "all", few).status == 0);
    const auto refused = [](const Outcome& outcome, int status, const std::string& part) {
        CAPTURE(outcome.err);
        CHECK(outcome.status == status);
        CHECK(is_one_clear_line(outcome.err, part));
    };
    refused(ablate(folder / "all", few), 2, "--run: '");
    refused(ablate(folder / "all", {"--resume", "--margin", "3"}), 2,
            "--margin: this run was started with '11'");
    refused(ablate(folder / "none", {"--resume"}), 2, "holds no config.json");
    refused(ablate(folder / "new", {"--attention", "none"}), 2, "--attention");
    refused(ablate(folder / "new", {"--limit", "8"}), 2, "--batch: expected at most the 8 training images");
    refused(ablate(folder / "new", {"--seeds", "0"}), 2, "--seeds: expected a whole number in [1, 1000]");
    refused(ablate(folder / "new", {"--seed", "9007199254740991", "--seeds", "2"}), 2,
            "--seed: expected at most 9007199254740991 for the last of --seeds 2, but it would be "
            "9007199254740992");
    refused(daf_test::daf_cnn({"ablate"}), 2, "--run: expected a folder");
    CHECK_FALSE(std::filesystem::exists(folder / "new"));

    // A run of another configuration in a variant's place.
    std::filesystem::remove_all(folder / "all/noatt/seed-1");
    std::filesystem::copy(folder / "all/full/seed-1", folder / "all/noatt/seed-1");
    refused(
        ablate(folder / "all", {"--resume"}), 1,
        "noatt/seed-1/config.json: another run than this ablation's: --attention: this run was started with "
        "'full'");
    // An ordinary run is no ablation, and an ablation no run.
    const std::string all = folder / "all", one = folder / "all/full/seed-1";
    refused(ablate(one, {"--resume"}), 2,
            "--resume: expected the folder of an ablation, but '" + one +
                "' is one run's; go on with it by daf-cnn train --run " + one + " --resume");
    for (const char* command : {"train", "finetune"}) {
        refused(daf_test::daf_cnn({command, "--run", all, "--resume"}), 2,
                "--resume: expected the folder of a run, but '" + all +
                    "' is an ablation's; go on with it by daf-cnn ablate --run " + all +
                    " --resume, or name the folder of one of its runs");
    }
    refused(daf_test::daf_cnn({"train", "--run", folder / "new", "--config", all + "/config.json"}), 2,
            "--config: expected the config.json of a run, but '" + all + "/config.json' is an ablation's");
}

TEST_CASE("ablate: mean and spread") {
    CHECK(daf_cnn::mean_of({0.5, 0.7, 0.9}) == doctest::Approx(0.7));
    CHECK(daf_cnn::spread_of({0.5, 0.7, 0.9}) == doctest::Approx(0.2));
    CHECK(daf_cnn::spread_of({0.5}) == 0);
}
