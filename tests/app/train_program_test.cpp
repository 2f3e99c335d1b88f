// `daf-cnn train` as a user runs it: what it leaves behind, resume, the same bits, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>

#include "runs.hpp"

namespace {

using daf_test::check_same_run;
using daf_test::contains;
using daf_test::content_of;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::metrics_of;
using daf_test::Outcome;
using daf_test::resume;
using daf_test::same_tensors;
using daf_test::ScratchFolder;
using daf_test::train;
using daf_test::with;
using nlohmann::json;

/// The rate drops after every epoch but the first, and the best model is reloaded where the epoch was not it.
const std::vector<std::string> restless{"--patience", "1", "--threshold", "1", "--lr-floor", "0"};

}  // namespace

TEST_CASE("train: a run leaves its configuration, metrics and checkpoints, and ends with the best accuracy") {
    const ScratchFolder folder;
    const auto run = folder / "deep/er/run";
    const Outcome outcome = train(run, {"--epochs", "3", "--keep-epochs", "--margin", "12"});
    REQUIRE(outcome.status == 0);
    CHECK(outcome.err.empty());
    CHECK(contains(outcome.out, "daf-cnn lite attention=full: 1422154 parameters"));
    CHECK(contains(outcome.out, "64 to train on, 64 to validate"));
    CHECK(contains(outcome.out, "this machine: "));
    CHECK_FALSE(contains(outcome.out, "\r"));  // not a terminal

    const auto lines = metrics_of(run);
    REQUIRE(lines.size() == 3);
    double best = -1;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (const char* key : {"epoch", "loss", "softmax", "tc", "active", "centre_norm", "train_accuracy",
                                "val_accuracy", "lr", "seconds", "data_wait"}) {
            CAPTURE(key);
            REQUIRE(lines[i].contains(key));
            CHECK(lines[i][key].is_number());
        }
        CHECK(lines[i].size() == 11);
        CHECK(lines[i]["epoch"] == i + 1);
        CHECK(lines[i]["loss"].get<double>() ==
              doctest::Approx(lines[i]["softmax"].get<double>() + 0.007 * lines[i]["tc"].get<double>()));
        CHECK(lines[i]["lr"] == 1e-3);
        best = std::max(best, lines[i]["val_accuracy"].get<double>());
    }
    char last_line[64];
    std::snprintf(last_line, sizeof last_line, "validation accuracy %.4f", best);
    CHECK(outcome.last_line() == last_line);

    const json config = json::parse(content_of(run / "config.json"));
    CHECK(config["preset"] == "lite");
    CHECK(config["margin"] == 12.0);
    CHECK(config["limit"] == 64);
    for (const char* file : {"epoch-0001.safetensors", "epoch-0002.safetensors", "epoch-0003.safetensors"}) {
        CHECK(std::filesystem::exists(run / file));
    }

    // eval finds the preset, and the accuracy that training saw.
    const Outcome judged =
        daf_cnn({"eval", "--weights", run / "best.safetensors", "--split", "val", "--limit", "64", "--json"});
    REQUIRE(judged.status == 0);
    const json figures = json::parse(judged.out);
    CHECK(figures["accuracy"] == best);
    CHECK(figures["images"] == 64);
    CHECK(figures["confusion"].size() == 7);
    CHECK(figures["centre_norms"].size() == 7);
    CHECK(figures["recall"]["happy"].is_number());
}

TEST_CASE("train: resume goes on to the same bits") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "whole", {"--epochs", "4"}).status == 0);
    REQUIRE(train(folder / "halves", {"--epochs", "2"}).status == 0);
    CHECK_FALSE(same_tensors(daf::read_safetensors(folder / "halves/last.safetensors"),
                             daf::read_safetensors(folder / "whole/last.safetensors")));
    const Outcome resumed = resume(folder / "halves", {"--epochs", "4", "--threads", "3"});
    CHECK(resumed.err == "");
    REQUIRE(resumed.status == 0);
    check_same_run(folder / "whole", folder / "halves");

    // Nothing left to do: the figures are printed again, the files stay.
    const std::string before = content_of(folder / "whole/last.safetensors");
    const Outcome again = resume(folder / "whole");
    CHECK(again.status == 0);
    CHECK(again.last_line() == resumed.last_line());
    CHECK((content_of(folder / "whole/last.safetensors") == before));
}

TEST_CASE("train: resume takes no epoch back, and says so") {
    const ScratchFolder folder;
    const auto run = folder / "run";
    REQUIRE(train(run, {"--epochs", "2"}).status == 0);
    const std::string config = content_of(run / "config.json"), last = content_of(run / "last.safetensors");
    const Outcome outcome = resume(run, {"--epochs", "1"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--epochs: '" + run.string() +
                                             "' has done 2 epochs, expected at least as many, but was given "
                                             "'1'; give --epochs 2 or more, or start a new run"));
    CHECK(outcome.out == "");
    CHECK(content_of(run / "config.json") == config);
    CHECK((content_of(run / "last.safetensors") == last));
}

TEST_CASE("train: resume goes on to the same bits between reloads of the best model") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "whole", with({"--epochs", "4"}, restless)).status == 0);
    REQUIRE(train(folder / "halves", with({"--epochs", "2"}, restless)).status == 0);
    REQUIRE(resume(folder / "halves", {"--epochs", "4"}).status == 0);
    check_same_run(folder / "whole", folder / "halves");

    const auto lines = metrics_of(folder / "whole");
    double best = -1;
    double rate = 1e-3;
    bool any = false;
    for (const json& line : lines) {
        const double accuracy = line["val_accuracy"];
        const bool reloaded = line.contains("reloaded");
        CHECK(line["lr"].get<double>() == doctest::Approx(rate));
        if (line["epoch"] != 1) rate *= 0.2;
        CHECK(reloaded == (accuracy <= best));
        any = any || reloaded;
        best = std::max(best, accuracy);
    }
    CHECK(any);
}

TEST_CASE("train: a reload puts the best epoch's parameters and moments back") {
    const ScratchFolder folder;
    // A rate this small changes no prediction: the second epoch is no better than the first, and is left.
    REQUIRE(train(folder / "run", with({"--epochs", "2", "--lr", "1e-12"}, restless)).status == 0);
    REQUIRE(metrics_of(folder / "run")[1].value("reloaded", false));
    const auto best = daf::read_safetensors(folder / "run/best.safetensors");
    const auto last = daf::read_safetensors(folder / "run/last.safetensors");
    CHECK(same_tensors(best, last));
    CHECK(last.metadata("epoch") == "2");
    CHECK(last.metadata("updates") == best.metadata("updates"));
    CHECK(last.metadata("draws") != best.metadata("draws"));  // dropout does not draw the same masks again
}

TEST_CASE("train: a run that was stopped between any two of its writes goes on to the same bits") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "whole", {"--epochs", "2"}).status == 0);
    REQUIRE(train(folder / "first", {"--epochs", "1"}).status == 0);
    SUBCASE("after the metrics' line, in the middle of the next one") {
        std::ofstream(folder / "first/metrics.jsonl", std::ios::app)
            << "{\"epoch\":2,\"loss\":9}\n{\"epoch\":3,\"lo";
        REQUIRE(resume(folder / "first", {"--epochs", "2"}).status == 0);
        check_same_run(folder / "whole", folder / "first");
    }
    SUBCASE("after the best model, before the last one") {
        std::filesystem::remove(folder / "first/last.safetensors");
        REQUIRE(resume(folder / "first", {"--epochs", "2"}).status == 0);
        check_same_run(folder / "whole", folder / "first");
    }
    SUBCASE("before the first epoch ended") {
        for (const char* file : {"first/last.safetensors", "first/best.safetensors", "first/metrics.jsonl"}) {
            std::filesystem::remove(folder / file);
        }
        REQUIRE(resume(folder / "first", {"--epochs", "2"}).status == 0);
        check_same_run(folder / "whole", folder / "first");
    }
    SUBCASE("by an editor, that takes the end of the metrics' last line") {
        const std::string metrics = content_of(folder / "first/metrics.jsonl");
        folder.file("first/metrics.jsonl", metrics.substr(0, metrics.size() - 1));
        REQUIRE(resume(folder / "first", {"--epochs", "2"}).status == 0);
        check_same_run(folder / "whole", folder / "first");
    }
    SUBCASE("but not without the model that it had come to") {
        const std::string metrics = content_of(folder / "whole/metrics.jsonl");
        const auto refused = [&](const std::string& words) {
            const Outcome outcome = resume(folder / "whole", {"--epochs", "3"});
            CHECK(outcome.status == 1);
            CHECK(is_one_clear_line(outcome.err, words));
            CHECK((content_of(folder / "whole/metrics.jsonl") == metrics));
        };
        std::filesystem::remove(folder / "whole/last.safetensors");
        std::filesystem::create_symlink("nowhere", folder / "whole/last.safetensors");
        refused("whole/last.safetensors");  // on a disk that is not mounted, say
        std::filesystem::remove(folder / "whole/last.safetensors");
        std::filesystem::remove(folder / "whole/best.safetensors");
        refused("last.safetensors: expected the model of the 2 epochs in");
    }
    SUBCASE("but not with a newer best model of another run") {
        REQUIRE(train(folder / "other", {"--epochs", "2", "--margin", "3"}).status == 0);
        const auto best = daf::read_safetensors(folder / "other/best.safetensors");
        std::filesystem::copy_file(
            folder / (best.metadata("epoch") == "2" ? "other/best.safetensors" : "other/last.safetensors"),
            folder / "first/best.safetensors", std::filesystem::copy_options::overwrite_existing);
        const std::string before = content_of(folder / "first/last.safetensors");
        const Outcome outcome = resume(folder / "first", {"--epochs", "3"});
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "last.safetensors: expected the file that"));
        CHECK((content_of(folder / "first/last.safetensors") == before));
    }
    SUBCASE("but not with the best model of another run") {
        REQUIRE(train(folder / "other", {"--epochs", "1", "--seed", "2"}).status == 0);
        std::filesystem::copy_file(folder / "other/best.safetensors", folder / "first/best.safetensors",
                                   std::filesystem::copy_options::overwrite_existing);
        const std::string before = content_of(folder / "first/last.safetensors");
        const Outcome outcome = resume(folder / "first", {"--epochs", "2"});
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "best.safetensors: expected the file that"));
        CHECK((content_of(folder / "first/last.safetensors") == before));
    }
}

TEST_CASE("train: resume does not go on with other images, and does once they are back") {
    const ScratchFolder folder;
    std::vector<std::string> rows;
    for (int i = 0; i < 78; ++i) {
        std::string row = std::to_string(i % 7) + ",";
        for (int pixel = 0; pixel < 48 * 48; ++pixel) row += std::to_string((i + pixel) % 256) + " ";
        rows.push_back(row + (i < 64 ? ",Training\n" : ",PublicTest\n"));
    }
    const auto write = [&] {
        std::string text = "emotion,pixels,Usage\n";
        for (const std::string& row : rows) text += row;
        folder.file("faces.csv", text);
    };
    write();
    REQUIRE(train(folder / "run", {"--epochs", "1", "--data", folder / "faces.csv"}).status == 0);
    const std::string before = content_of(folder / "run/last.safetensors");
    const auto refused_with = [&](std::size_t row, char label) {
        CAPTURE(row);
        const std::string restored = rows[row];
        rows[row][0] = label;
        write();
        const Outcome outcome = resume(folder / "run", {"--epochs", "2"});
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err,
                                "run/last.safetensors: expected the images that it was trained with"));
        CHECK(contains(outcome.err, "faces.csv. "));
        CHECK((content_of(folder / "run/last.safetensors") == before));
        CHECK(metrics_of(folder / "run").size() == 1);
        rows[row] = restored;
    };
    refused_with(3, '6');
    refused_with(70, '6');  // of the validation images
    write();
    CHECK(resume(folder / "run", {"--epochs", "2"}).status == 0);
}

TEST_CASE("train: the same bits at 1, 2, 3 and 8 threads, others with another seed") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "1", {"--epochs", "1", "--threads", "1"}).status == 0);
    for (const char* threads : {"2", "3", "8"}) {
        REQUIRE(train(folder / threads, {"--epochs", "1", "--threads", threads}).status == 0);
        check_same_run(folder / "1", folder / threads);
    }
    REQUIRE(train(folder / "other", {"--epochs", "1", "--threads", "2", "--seed", "2"}).status == 0);
    CHECK_FALSE(same_tensors(daf::read_safetensors(folder / "1/last.safetensors"),
                             daf::read_safetensors(folder / "other/last.safetensors")));
}

TEST_CASE("train: every figure acts") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "plain", {"--epochs", "1"}).status == 0);
    const auto plain = daf::read_safetensors(folder / "plain/last.safetensors");
    const std::vector<std::vector<std::string>> changes{{"--data-seed", "4"},
                                                        {"--attention", "none"},
                                                        {"--recipe", "sfew"},
                                                        {"--margin", "0"},
                                                        {"--lambda", "0.02"},
                                                        {"--alpha", "0.05"},
                                                        {"--tc-reduction", "mean"},
                                                        {"--centre-update", "gradient"},
                                                        {"--dropout", "0.1"},
                                                        {"--optimizer", "sgd"},
                                                        {"--optimizer", "sgd", "--momentum", "0.5"},
                                                        {"--lr", "0.002"},
                                                        {"--weight-decay", "0.01"}};
    std::vector<daf::Safetensors> seen;
    seen.push_back(daf::read_safetensors(folder / "plain/last.safetensors"));
    for (std::size_t i = 0; i < changes.size(); ++i) {
        CAPTURE(changes[i].front());
        const auto run = folder / ("changed" + std::to_string(i));
        REQUIRE(train(run, with({"--epochs", "1"}, changes[i])).status == 0);
        auto last = daf::read_safetensors(run / "last.safetensors");
        for (const auto& other : seen) CHECK_FALSE(same_tensors(last, other));
        seen.push_back(std::move(last));
        std::filesystem::remove_all(run);
    }
}

TEST_CASE("train: a full disk ends it with a message and the earlier checkpoint whole") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "run", {"--epochs", "1"}).status == 0);
    const std::string last = content_of(folder / "run/last.safetensors");
    const std::string best = content_of(folder / "run/best.safetensors");
    // Files of at most 8 MiB, half a checkpoint: the shell counts blocks of 512 bytes.
    const Outcome outcome = daf_test::run_command(
        {"sh", "-c", "ulimit -f 16384; exec \"$0\" train --run \"$1\" --resume --epochs 2", DAF_CNN_PROGRAM,
         folder / "run"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, ".safetensors: File too large"));
    CHECK((content_of(folder / "run/last.safetensors") == last));
    CHECK((content_of(folder / "run/best.safetensors") == best));
    for (const auto& entry : std::filesystem::directory_iterator(folder / "run")) {
        CHECK(entry.path().extension() != ".tmp");
    }
    REQUIRE(resume(folder / "run", {"--epochs", "2"}).status == 0);
    REQUIRE(train(folder / "whole", {"--epochs", "2"}).status == 0);
    check_same_run(folder / "whole", folder / "run");
}
