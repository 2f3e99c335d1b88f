// Bad use and bad input: exit status 2 or 1, one clear line, and nothing written.
#include <doctest/doctest.h>

#include <daf/io/safetensors.hpp>
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

/// A CSV of `count` images in each of the three splits.
std::string small_csv(int count) {
    std::string text = "emotion,pixels,Usage\n";
    for (const char* usage : {"Training", "PublicTest", "PrivateTest"}) {
        for (int i = 0; i < count; ++i) {
            text += std::to_string(i % 7) + ",";
            for (int p = 0; p < 2304; ++p) text += std::to_string((p * (i + 1)) % 256) + " ";
            text.back() = ',';
            text += std::string(usage) + "\n";
        }
    }
    return text;
}

}  // namespace

TEST_CASE("bad use: exit status 2, naming the option, what was given and what is allowed") {
    const ScratchFolder folder;
    const std::string run = folder / "run";
    struct Case {
        std::vector<std::string> arguments;
        std::string part;
    };
    const std::vector<Case> cases{
        {{}, "expected a command: train, finetune, "},
        {{"evl"},
         "expected a command: train, finetune, ablate, report, eval, predict, faces or bench, but was given "
         "'evl'"},
        {{"train"}, "--run: expected a folder"},
        // The first word at fault is named, and where its command is explained.
        {{"train", "--frobnicate", "x", "--margn", "3"},
         "--frobnicate: daf-cnn train has no such option (daf-cnn train --help says more)"},
        {{"--frobnicate"}, "--frobnicate: daf-cnn has no such option (daf-cnn --help says more)"},
        {{"train", "a", "b"}, "'a': daf-cnn train takes no word that is no option"},
        {{"train", "--run", run, "--epochs"}, "--epochs: expected a value, N, but found the end"},
        {{"train", "--seed", "1", "--run", run, "--seed", "2"},
         "--seed: expected one value, but was given '1' and '2'"},
        {{"train", "--run", run, "--keep-epochs=2"}, "--keep-epochs: expected no value, but was given '2'"},
        {{"train", "--run", run, "--resume=off"}, "--resume: expected no value, but was given 'off'"},
        // A shell's variable that is empty: the next word is not its value.
        {{"train", "--run=", "--resume"}, "--run: expected a value behind the '=', but found nothing"},
        {{"predict", "--weights=", run}, "--weights: expected a value behind the '='"},
        {{"train", "--run", run, "--epochs", "0"},
         "--epochs: expected a whole number in [1, 1000000], but was given '0'"},
        {{"train", "--run", run, "--epochs", "2.5"}, "but was given '2.5'"},
        {{"train", "--run", run, "--epochs", "two"}, "but was given 'two'"},
        {{"train", "--run", run, "--epochs", "99999999999999999999"}, "--epochs"},
        {{"train", "--run", run, "--batch", "-1"}, "--batch"},
        {{"train", "--run", run, "--batch", "1x"}, "--batch"},
        {{"train", "--run", run, "--threads", "0"}, "--threads"},
        {{"train", "--run", run, "--limit", "0"}, "--limit"},
        {{"train", "--run", run, "--limit", "null"},
         "--limit: expected a whole number in [1, 1000000000], but was given 'null'"},
        {{"eval", "--weights", "w", "--limit", "null"}, "--limit: expected a whole number"},
        {{"faces", "--csv", folder / "a.csv", "--limit", "null"}, "--limit: expected a whole number"},
        {{"train", "--run", run, "--seed", "-3"}, "--seed"},
        {{"train", "--run", run, "--preset", "huge"},
         "--preset: expected paper, half or lite, but was given 'huge'"},
        {{"train", "--run", run, "--attention", "some"}, "--attention: expected full or none"},
        {{"train", "--run", run, "--recipe", "x"}, "--recipe"},
        {{"train", "--run", run, "--margin", "nan"}, "--margin"},
        {{"train", "--run", run, "--margin", "inf"}, "--margin"},
        {{"train", "--run", run, "--margin", "-1"}, "--margin"},
        {{"train", "--run", run, "--lambda", "-0.1"}, "--lambda"},
        {{"train", "--run", run, "--alpha", "x"}, "--alpha"},
        {{"train", "--run", run, "--dropout", "1"},
         "--dropout: expected a number in [0, 1), but was given '1'"},
        {{"train", "--run", run, "--lr", "0"}, "--lr: expected a number in (0, 1000000]"},
        {{"train", "--run", run, "--lr", "1e-3", "--lr-floor", "0.1"}, "--lr-floor: expected at most --lr"},
        {{"train", "--run", run, "--lr-factor", "1"}, "--lr-factor: expected a number in (0, 1)"},
        {{"train", "--run", run, "--threshold", "2"}, "--threshold"},
        {{"train", "--run", run, "--patience", "0"}, "--patience"},
        {{"train", "--run", run, "--momentum", "0.5"}, "--momentum: it acts only with --optimizer sgd"},
        {{"train", "--run", run, "--centre-update", "gradient", "--alpha", "0.1"},
         "--alpha: it acts only with --centre-update eq12"},
        {{"train", "--run", run, "--data", "x.csv", "--data-seed", "3"}, "--data-seed: it acts only with"},
        {{"train", "--run", run, "--skip-bad"}, "--skip-bad: it acts only with --data FOLDER or FILE.csv"},
        {{"train", "--run", run, "--augment", "some"}, "--augment: expected on or off"},
        {{"train", "--run", run, "--augment", "on", "--flip", "yes"}, "--flip: expected on or off"},
        {{"train", "--run", run, "--augment", "on", "--rotate", "181"},
         "--rotate: expected a number in [0, 180], but was given '181'"},
        {{"train", "--run", run, "--augment", "on", "--zoom", "1"}, "--zoom: expected a number in [0, 1)"},
        {{"train", "--run", run, "--augment", "on", "--shift", "-0.1"},
         "--shift: expected a number in [0, 1]"},
        {{"train", "--run", run, "--augment", "on", "--light", "2"}, "--light: expected a number in [0, 1]"},
        {{"train", "--run", run, "--rotate", "5"}, "--rotate: it acts only with --augment on"},
        {{"train", "--run", run, "--data", "x.csv", "--augment", "off", "--flip", "off"},
         "--flip: it acts only with --augment on"},
        {{"eval", "--weights", "w", "--skip-bad"}, "--skip-bad: it acts only with --data FOLDER or FILE.csv"},
        {{"train", "--run", run, "--limit", "31", "--batch", "32"},
         "--batch: expected at most the 31 training images that there are (generated faces), but was given "
         "'32'"},
        {{"train", "--run", run, "--resume"}, "--resume: '"},
        {{"train", "--run", folder.path()}, "exists"},
        {{"eval"}, "--weights: expected a checkpoint"},
        {{"eval", "--weights", "w", "--split", "all"}, "--split: expected val, test or train"},
        {{"bench", "--mode", "x"}, "--mode: expected train, infer, attention, tc or tc-1000"},
        {{"bench", "--batch", "0"}, "--batch"},
        {{"faces"}, "--out"},
        {{"faces", "--out", folder / "a.pgm", "--size", "0"}, "--size"},
        {{"faces", "--csv", folder / "a.csv", "--rows", "3"}, "--rows: it acts only with --out"},
        {{"faces", "--out", folder / "a", "--csv", folder / "a"},
         "--csv: expected another file than --out's"},
    };
    for (const Case& each : cases) {
        const Outcome outcome = daf_cnn(each.arguments);
        CAPTURE(each.part);
        CAPTURE(outcome.err);
        CHECK(outcome.status == 2);
        CHECK(is_one_clear_line(outcome.err, each.part));
        CHECK(outcome.out.empty());
    }
    CHECK(folder.entries() == 0);
}

TEST_CASE("bad input: null is the name of a file like any other") {
    const ScratchFolder folder;
    for (const char* option : {"--weights", "--config", "--data"}) {
        const Outcome outcome = daf_cnn({"train", "--run", folder / "run", option, "null"});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "null: No such file"));
    }
    CHECK(folder.entries() == 0);
}

TEST_CASE("bad use: --help and --version are not") {
    for (const char* command : {"train", "eval", "bench", "faces"}) {
        const Outcome outcome = daf_cnn({command, "--help"});
        CHECK(outcome.status == 0);
        CHECK(contains(outcome.out, "--"));
        CHECK(outcome.err.empty());
    }
    CHECK(contains(daf_cnn({"--help"}).out, "faces"));
    CHECK(daf_cnn({"--version"}).status == 0);
}

TEST_CASE("bad use: a run's folder is neither overwritten nor resumed with other options") {
    const ScratchFolder folder;
    const auto run = folder / "run";
    REQUIRE(train(run, {"--epochs", "1"}).status == 0);
    const std::string last = content_of(run / "last.safetensors");

    Outcome outcome = train(run, {"--epochs", "1"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--run: '"));
    CHECK(contains(outcome.err, "--resume"));

    outcome = daf_cnn({"train", "--run", run, "--resume", "--epochs", "2", "--margin", "12"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--margin: this run was started with '11'"));
    outcome = daf_cnn({"train", "--run", run, "--resume", "--keep-epochs"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err, "--keep-epochs: this run was started with 'false'"));
    CHECK((content_of(run / "last.safetensors") == last));

    // What agrees may be repeated, in any spelling.
    CHECK(daf_cnn({"train", "--run", run, "--resume", "--margin", "11.0", "--limit", "64"}).status == 0);

    folder.file("run/config.json", "{\"preset\":");
    outcome = daf_cnn({"train", "--run", run, "--resume"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err,
                            "config.json:1:11: expected '[', '{', or a literal, found end of input. The file "
                            "was altered; restore it or start a new run."));
}

TEST_CASE("bad input: a resumed run keeps whatever its configuration says, checked") {
    const ScratchFolder folder;
    const auto run = folder / "run";
    REQUIRE(train(run, {"--epochs", "1"}).status == 0);
    const auto config = nlohmann::ordered_json::parse(content_of(run / "config.json"));
    auto altered = config;
    altered["dropout"] = 1.5;
    folder.file("run/config.json", altered.dump());
    Outcome outcome = daf_cnn({"train", "--run", run, "--resume"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "config.json: dropout: expected a number in [0, 1)"));
    altered = config;
    altered.erase("margin");
    folder.file("run/config.json", altered.dump());
    outcome = daf_cnn({"train", "--run", run, "--resume"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "config.json: 'margin': expected an entry"));
}

TEST_CASE("bad use: a path that config.json cannot hold is refused before anything is loaded") {
    const ScratchFolder folder;
    const std::string odd = folder / "f\xff.csv";
    for (const char* option : {"--data", "--weights"}) {
        const Outcome outcome = daf_cnn({"train", "--run", folder / "run", option, odd});
        CHECK(outcome.status == 2);
        CHECK(is_one_clear_line(outcome.err, std::string(option) + ": expected a path in UTF-8"));
        CHECK_FALSE(std::filesystem::exists(folder / "run"));
    }
    // Where nothing is stored it is a name like any other.
    REQUIRE(train(folder / "run", {"--epochs", "1"}).status == 0);
    std::filesystem::copy(folder / "run/best.safetensors", folder / "w\xff");
    const Outcome judged = daf_cnn({"eval", "--weights", folder / "w\xff", "--limit", "7", "--json"});
    CHECK(judged.status == 0);
    CHECK(nlohmann::json::accept(judged.out));
}

TEST_CASE("bad input: JSON that is nested without end is refused in one line") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "run", {"--epochs", "1"}).status == 0);
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    const auto refused = [](const Outcome& outcome, const std::string& part) {
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, part));
    };
    refused(daf_cnn({"train", "--run", folder / "new", "--config",
                     folder.file("deep.json", "{\"epochs\":" + deep + "}")}),
            "deep.json: 'epochs': expected a single value, found a list");
    folder.file("run/metrics.jsonl", "{\"epoch\":" + deep + "}\n");
    refused(daf_cnn({"report", "--run", folder / "run"}), "expected a number 'epoch', found a list");
    std::filesystem::create_directory(folder / "ablation");
    folder.file("ablation/ablation.json", "{\"variants\":[" + deep + "]}");
    refused(daf_cnn({"report", "--run", folder / "ablation"}), "variant 1: expected an object, found a list");
    folder.file("ablation/ablation.json", "{\"variants\":[{\"name\":{\"a\":" + deep + "}}]}");
    refused(daf_cnn({"report", "--run", folder / "ablation"}),
            "'name': expected an entry as daf-cnn ablate writes it, found an object");
}

TEST_CASE("bad input: a CSV's fault is told by file and line, and no run is made") {
    const ScratchFolder folder;
    const std::string good = small_csv(32);
    struct Case {
        std::string content;
        const char* part;
    };
    std::string unknown_label = good;
    unknown_label[unknown_label.find("\n3,") + 1] = '9';
    const std::vector<Case> cases{
        {"", "bad.csv:1: the header is missing"},
        {"emotion,Usage\n", "bad.csv:1: column 'pixels' is missing"},
        {"emotion,pixels,Usage\n0,1 2 3,Training\n", "bad.csv:2: wrong number of pixels"},
        {unknown_label, "bad.csv:5: unknown label"},
        {good.substr(0, good.size() / 2), "truncated"},
    };
    for (const Case& each : cases) {
        const Outcome outcome = daf_cnn({"train", "--run", folder / "run", "--data",
                                         folder.file("bad.csv", each.content), "--batch", "32"});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, each.part));
        CHECK_FALSE(std::filesystem::exists(folder / "run"));
    }
    const Outcome missing = daf_cnn({"train", "--run", folder / "run", "--data", folder / "none.csv"});
    CHECK(missing.status == 1);
    CHECK(is_one_clear_line(missing.err, "none.csv: No such file"));
    CHECK(daf_cnn({"train", "--run", folder / "run", "--data", folder.path()}).status == 1);

    const Outcome few =
        daf_cnn({"train", "--run", folder / "run", "--data", folder.file("few.csv", small_csv(8))});
    CHECK(few.status == 2);
    CHECK(is_one_clear_line(few.err, "--batch: expected at most the 8 training images"));
}

TEST_CASE("bad input: checkpoints that are truncated, altered, of another preset or of another kind") {
    const ScratchFolder folder;
    const auto run = folder / "run";
    REQUIRE(train(run, {"--epochs", "1"}).status == 0);
    const std::string good = content_of(run / "last.safetensors");
    const auto judged = [&](const std::string& content) {
        return daf_cnn({"eval", "--weights", folder.file("bad.safetensors", content), "--limit", "7"});
    };
    std::string altered = good;
    altered[good.size() / 2] = static_cast<char>(altered[good.size() / 2] ^ 1);
    std::string other = good;
    other.replace(other.find("daf-cnn lite"), 12, "daf-cnn tiny");
    for (const std::string& content :
         {good.substr(0, good.size() / 2), std::string("hello"), std::string(), altered, other}) {
        const Outcome outcome = judged(content);
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "bad.safetensors: "));
        CHECK(outcome.out.empty());
    }
    CHECK(judged(good).status == 0);
    CHECK(daf_cnn({"eval", "--weights", folder / "none.safetensors"}).status == 1);
    const auto whole = daf::read_safetensors(run / "last.safetensors");
    for (const auto& [margin, expected] : {std::pair{"much", "a number, found 'much'"},
                                           {"-1", "a number in [0, 1000000], found '-1'"},
                                           {"nan", "a number in [0, 1000000], found 'nan'"}}) {
        daf::Metadata metadata = whole.metadata();
        metadata["note.margin"] = margin;
        daf::write_safetensors(folder / "noted.safetensors", whole.tensors(), metadata);
        const Outcome outcome = daf_cnn({"eval", "--weights", folder / "noted.safetensors", "--limit", "7"});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(
            outcome.err, "noted.safetensors: metadata 'note.margin': expected " + std::string(expected)));
    }

    // The run's own files: a resume refuses them and leaves them as they are.
    folder.file("run/last.safetensors", altered);
    Outcome outcome = daf_cnn({"train", "--run", run, "--resume", "--epochs", "2"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "last.safetensors: metadata 'daf.checksum'"));
    CHECK((content_of(run / "last.safetensors") == altered));

    REQUIRE(train(folder / "plain", {"--epochs", "1", "--attention", "none"}).status == 0);
    for (const char* file : {"last.safetensors", "best.safetensors"}) {
        std::filesystem::copy_file(folder / "plain" / file, run / file,
                                   std::filesystem::copy_options::overwrite_existing);
    }
    outcome = daf_cnn({"train", "--run", run, "--resume", "--epochs", "2"});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err,
                            "expected 'daf-cnn lite attention=full', found 'daf-cnn lite attention=none'"));
}
