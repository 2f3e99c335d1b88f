// A loss that is not finite stops training: the message says where, names the first layer concerned and what
// to do, and the best model stays.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <regex>

#include "runs.hpp"

namespace {

using daf_test::contains;
using daf_test::content_of;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::resume;
using daf_test::ScratchFolder;
using daf_test::train;

/// Rewrites a checkpoint with `value` as the first number of a tensor.
void plant(const std::filesystem::path& file, const std::string& name, float value) {
    const daf::Safetensors before = daf::read_safetensors(file);
    std::vector<daf::NamedTensor> tensors = before.tensors();
    const auto found = std::ranges::find(tensors, name, &daf::NamedTensor::name);
    REQUIRE(found != tensors.end());
    std::vector<std::byte> bytes(found->bytes.begin(), found->bytes.end());
    std::memcpy(bytes.data(), &value, sizeof value);
    found->bytes = bytes;
    daf::write_safetensors(file, tensors, before.metadata());
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("divergence: a rate that is far too large stops with epoch, batch and layer") {
    const ScratchFolder folder;
    const Outcome outcome =
        daf_cnn({"train", "--run", folder / "run", "--limit", "320", "--batch", "32", "--optimizer", "sgd",
                 "--lr", "1000", "--weight-decay", "1000", "--dropout", "0"});
    CAPTURE(outcome.err);
    CHECK(outcome.status == 1);
    const std::regex message(
        "daf-cnn: epoch 1, batch ([0-9]+) of 10: the loss is (nan|-?inf); the first layer with a number that "
        "is not "
        "finite is (trunk\\.[0-9]+|attention|fc[12]|the losses)\\. Train in another --run, with a smaller "
        "--lr, --lambda, --alpha or --weight-decay\\.\n");
    CHECK(std::regex_match(outcome.err, message));
    CHECK_FALSE(std::filesystem::exists(folder / "run/best.safetensors"));
}

TEST_CASE("divergence: in a later epoch the best model is named, and kept as it was") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "run", {"--epochs", "1"}).status == 0);
    const std::string best = content_of(folder / "run/best.safetensors");
    for (const float bad : {not_a_number, infinite}) {
        plant(folder / "run/last.safetensors", "trunk.3.weight", bad);
        const std::string last = content_of(folder / "run/last.safetensors");
        const Outcome outcome = resume(folder / "run", {"--epochs", "2"});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(
            outcome.err,
            "epoch 2, batch 1 of 2: the loss is nan; the first layer with a number that "
            "is not finite is trunk.3. Train "
            "in another --run, with a smaller --lr, --lambda or --alpha; the best model so far is kept in " +
                (folder / "run/best.safetensors").string() + ".\n"));
        CHECK((content_of(folder / "run/best.safetensors") == best));
        CHECK((content_of(folder / "run/last.safetensors") == last));
    }
}

TEST_CASE("divergence: --weights that are not finite are named") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "good", {"--epochs", "1"}).status == 0);
    const auto weights = folder / "weights.safetensors";
    const auto train_from = [&](const std::string& tensor) {
        std::filesystem::copy_file(folder / "good/best.safetensors", weights,
                                   std::filesystem::copy_options::overwrite_existing);
        plant(weights, tensor, not_a_number);
        std::filesystem::remove_all(folder / "run");
        return train(folder / "run", {"--epochs", "1", "--weights", weights});
    };
    const std::string advice = ". Take another checkpoint than --weights " + weights.string() +
                               ", or train in another --run, with a smaller --lr, --lambda or --alpha.\n";
    const std::string layer = "the loss is nan; the first layer with a number that is not finite is ";
    Outcome outcome = train_from("fc1.weight");
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "epoch 1, batch 1 of 2: " + layer + "fc1" + advice));
    // Training does not use running statistics, validation does.
    outcome = train_from("trunk.1.running_mean");
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "epoch 1, validation: " + layer + "trunk.0" + advice));
    outcome = train_from("fc2.bias");
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "epoch 1, batch 1 of 2: " + layer + "fc2" + advice));
}

TEST_CASE("divergence: a model whose numbers are not finite is neither judged, nor asked, nor reported on") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "run", {"--epochs", "1"}).status == 0);
    const std::string best = folder / "run/best.safetensors", face = folder / "face.pgm";
    REQUIRE(daf_cnn({"faces", "--out", face, "--rows", "1", "--columns", "1"}).status == 0);
    plant(best, "fc2.weight", not_a_number);
    const std::vector<std::vector<std::string>> commands{
        {"eval", "--weights", best, "--limit", "14"},
        {"eval", "--weights", best, "--limit", "14", "--json"},
        {"predict", "--weights", best, face},
        {"report", "--run", folder / "run"}};
    for (const auto& command : commands) {
        const Outcome outcome = daf_cnn(command);
        CAPTURE(command[0]);
        CHECK(outcome.status == 1);
        CHECK(outcome.out.empty());
        CHECK(is_one_clear_line(outcome.err,
                                best + ": the network makes numbers that are not finite, first in fc2. "
                                       "Name another checkpoint."));
    }
    CHECK_FALSE(std::filesystem::exists(folder / "run/report.html"));
}
