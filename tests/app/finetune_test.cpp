// `daf-cnn finetune`: the protocol of the paper's 4.3.2, on a few faces.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <daf/cpu/context.hpp>
#include <nlohmann/json.hpp>

#include "data/data.hpp"
#include "runs.hpp"
#include "training/first_centres.hpp"
#include "training/trained_network.hpp"

namespace {

using daf_test::check_same_run;
using daf_test::contains;
using daf_test::content_of;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using nlohmann::json;

/// A checkpoint to begin with.
std::filesystem::path pretrained(const ScratchFolder& folder, const std::vector<std::string>& more = {}) {
    std::vector<std::string> options{"--epochs", "2", "--objective", "softmax"};
    options.insert(options.end(), more.begin(), more.end());
    REQUIRE(daf_test::train(folder / "pre", options).status == 0);
    return folder / "pre/best.safetensors";
}

/// Other faces than those the checkpoint knows.
Outcome finetune(const std::filesystem::path& run, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"finetune", "--run", run};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return daf_test::daf_cnn(arguments);
}

const std::vector<std::string> small{"--data-seed", "7", "--limit", "64", "--epochs", "2"};

std::vector<std::string> with_weights(const std::filesystem::path& weights,
                                      std::vector<std::string> more = small) {
    more.insert(more.end(), {"--weights", weights});
    return more;
}

}  // namespace

TEST_CASE("finetune: the sfew recipe, the Triplet-Centre loss alone, and the nearest centre classifies") {
    const ScratchFolder folder;
    const auto weights = pretrained(folder, {"--attention", "none"});
    const Outcome outcome = finetune(folder / "run", with_weights(weights));
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(contains(outcome.out, "before the first epoch: validation accuracy 0."));
    const json config = json::parse(content_of(folder / "run/config.json"));
    CHECK(config["objective"] == "tc");
    CHECK(config["batch"] == 32);
    CHECK(config["margin"] == 13.0);
    CHECK(config["lambda"] == 0.013);
    CHECK(config["attention"] == "none");  // as the checkpoint has it
    CHECK(config["weights"] == weights.string());

    // The objective is lambda times the Triplet-Centre loss, and the second linear layer stays.
    for (const json& line : daf_test::metrics_of(folder / "run"))
        CHECK(line["loss"].get<double>() == doctest::Approx(0.013 * line["tc"].get<double>()));
    const auto before = daf::read_safetensors(weights);
    const auto after = daf::read_safetensors(folder / "run/last.safetensors");
    const auto same = [&](const char* name) {
        const auto *a = before.find(name), *b = after.find(name);
        REQUIRE(a != nullptr);
        REQUIRE(b != nullptr);
        return std::memcmp(a->bytes.data(), b->bytes.data(), a->bytes.size()) == 0;
    };
    CHECK(same("fc2.weight"));
    CHECK_FALSE(same("fc1.weight"));

    // eval and a resumed run see a network that classifies by its centres.
    const Outcome judged = daf_test::daf_cnn({"eval", "--weights", folder / "run/best.safetensors",
                                              "--data-seed", "7", "--limit", "64", "--json"});
    REQUIRE(judged.status == 0);
    char last_line[64];
    std::snprintf(last_line, sizeof last_line, "validation accuracy %.4f",
                  json::parse(judged.out)["accuracy"].get<double>());
    CHECK(outcome.last_line() == last_line);
}

TEST_CASE("finetune: resume goes on to the same bits, and --config repeats them") {
    const ScratchFolder folder;
    const auto weights = pretrained(folder);
    REQUIRE(finetune(folder / "whole", with_weights(weights)).status == 0);
    REQUIRE(finetune(folder / "halves",
                     with_weights(weights, {"--data-seed", "7", "--limit", "64", "--epochs", "1"}))
                .status == 0);
    REQUIRE(finetune(folder / "again", {"--config", folder / "whole/config.json"}).status == 0);
    check_same_run(folder / "whole", folder / "again");
    std::filesystem::remove(weights);  // a run that has begun does not need it any more
    REQUIRE(finetune(folder / "halves", {"--resume", "--epochs", "2"}).status == 0);
    check_same_run(folder / "whole", folder / "halves");
}

TEST_CASE("finetune: the first centres are the checkpoint's, drawn, or the classes' means") {
    const ScratchFolder folder;
    const daf::Safetensors weights = daf::read_safetensors(pretrained(folder));
    daf::Cpu cpu;
    const daf_cnn::Splits data =
        daf_cnn::load_data(cpu, {"generated", daf::Seed{7}, 40}, 48, {daf_cnn::Split::train});
    const auto placed = [&](const char* how) {
        daf_cnn::NetworkSettings settings;
        settings.largest_batch = 16;
        const auto network = daf_cnn::lite_preset.make_learner(cpu, settings);
        daf_cnn::take_weights(*network, weights, how, data.train, 16);
        const auto centres = network->centres();
        return std::vector<float>(centres.begin(), centres.end());
    };
    const auto* stored = weights.find("centres");
    REQUIRE(stored != nullptr);
    const auto kept = placed("checkpoint");
    REQUIRE(stored->bytes.size() == kept.size() * sizeof(float));
    CHECK(std::memcmp(stored->bytes.data(), kept.data(), stored->bytes.size()) == 0);

    double squares = 0;
    for (const float x : placed("gaussian")) squares += static_cast<double>(x * x);
    CHECK(std::sqrt(squares / static_cast<double>(kept.size())) == doctest::Approx(0.01).epsilon(0.1));

    // By one image at a time, and class by class.
    const daf_cnn::TrainedNetwork trained =
        daf_cnn::load_trained(cpu, daf::open_checkpoint(folder / "pre/best.safetensors"), {1, 1});
    const std::size_t length = kept.size() / 7;
    std::vector<double> sums(kept.size());
    std::array<double, 7> counts{};
    daf_cnn::BatchBuffer one(48, 1);
    for (std::uint32_t i = 0; i < data.train.size(); ++i) {
        one.fill(data.train, std::span(&i, 1));
        const auto label = static_cast<std::size_t>(data.train.labels[i]);
        const auto e = trained.network->read(one.images())[0].embedding;
        for (std::size_t d = 0; d < length; ++d) sums[label * length + d] += static_cast<double>(e[d]);
        counts[label] += 1;
    }
    const auto means = placed("means");
    for (std::size_t i = 0; i < means.size(); ++i) {
        const double mean = sums[i] / counts[i / length];
        CHECK(static_cast<double>(means[i]) == doctest::Approx(mean).epsilon(1e-5));
    }
}

TEST_CASE("finetune: a class without a training image keeps the checkpoint's centre") {
    const ScratchFolder folder;
    const daf::Safetensors weights = daf::read_safetensors(pretrained(folder));
    daf::Cpu cpu;
    daf_cnn::Splits data =
        daf_cnn::load_data(cpu, {"generated", daf::Seed{7}, 20}, 48, {daf_cnn::Split::train});
    for (auto& label : data.train.labels) label = label == 6 ? 0 : label;
    const auto network = daf_cnn::lite_preset.make_learner(cpu, {});
    daf_cnn::take_weights(*network, weights, "means", data.train, 16);
    const auto centres = network->centres();
    const std::size_t length = centres.size() / 7;
    const auto* stored = weights.find("centres");
    const auto* kept = reinterpret_cast<const float*>(stored->bytes.data());
    CHECK(std::equal(centres.begin() + static_cast<std::ptrdiff_t>(6 * length), centres.end(),
                     kept + 6 * length));
    CHECK_FALSE(std::equal(centres.begin(), centres.begin() + static_cast<std::ptrdiff_t>(length), kept));
}

TEST_CASE("finetune: what contradicts the checkpoint, or lacks one, is refused") {
    const ScratchFolder folder;
    const auto weights = pretrained(folder);
    const auto refused = [&](const std::vector<std::string>& more, int status, const char* part) {
        const Outcome outcome = finetune(folder / "run", more);
        CAPTURE(outcome.err);
        CHECK(outcome.status == status);
        CHECK(is_one_clear_line(outcome.err, part));
        CHECK_FALSE(std::filesystem::exists(folder / "run"));
    };
    refused(small, 2, "--weights: expected the checkpoint to start from");
    refused(with_weights(weights, {"--preset", "half"}), 2, "--preset: the network of --weights has 'lite'");
    refused(with_weights(weights, {"--attention", "none"}), 2,
            "--attention: the network of --weights has 'full'");
    refused(with_weights(folder / "none.safetensors"), 1, "none.safetensors: No such file");
    refused(with_weights(folder.file("bad.safetensors", "hello")), 1, "bad.safetensors: ");
    refused({"--config", folder / "pre/config.json"}, 2, "--weights: expected the checkpoint");
}

TEST_CASE("finetune: a run of another objective is neither repeated nor gone on with as its own") {
    const ScratchFolder folder;
    REQUIRE(daf_test::train(folder / "joint", {"--epochs", "1"}).status == 0);
    const auto weights = folder / "joint/best.safetensors";
    const std::string last = content_of(folder / "joint/last.safetensors");
    Outcome outcome =
        finetune(folder / "run", {"--config", folder / "joint/config.json", "--weights", weights});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err,
                            "--config: expected a run by the Triplet-Centre loss alone, but its "
                            "objective is 'joint'; add --objective tc, or repeat it by daf-cnn "
                            "train"));
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
    outcome = finetune(folder / "joint", {"--resume", "--epochs", "2"});
    CHECK(outcome.status == 2);
    CHECK(is_one_clear_line(outcome.err,
                            "--resume: expected a run by the Triplet-Centre loss alone, but its "
                            "objective is 'joint'; go on with it by daf-cnn train"));
    CHECK((content_of(folder / "joint/last.safetensors") == last));

    // Asked for, it is what is done.
    outcome = finetune(folder / "run",
                       {"--config", folder / "joint/config.json", "--weights", weights, "--objective", "tc"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(json::parse(content_of(folder / "run/config.json"))["objective"] == "tc");
}
