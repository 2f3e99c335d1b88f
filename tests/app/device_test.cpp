// --device gpu where there is none to be had: one clear line from every command that runs a network, and
// nothing written.
#include <doctest/doctest.h>

#include <daf/daf.hpp>

#include "network/gpu_preset.hpp"
#include "run_program.hpp"
#include "training/train_config.hpp"

using daf_test::contains;
using daf_test::ScratchFolder;

namespace {

/// What the program says of this machine's GPU; empty if it can use one.
std::string what_is_missing() {
    try {
        daf_cnn::gpu_name();
        return "";
    } catch (const daf::Error& error) {
        return error.what();
    }
}

/// An untrained network's checkpoint.
std::string untrained(const ScratchFolder& folder) {
    daf::Cpu cpu(daf::Threads{1});
    daf_cnn::NetworkSettings settings;
    settings.largest_batch = 1;
    daf_cnn::lite_preset.make_learner(cpu, settings)->save(folder / "lite.safetensors", {});
    return folder / "lite.safetensors";
}

}  // namespace

TEST_CASE("a GPU that cannot be used ends a command with the reason, and nothing is written") {
    const std::string reason = what_is_missing();
    if (reason.empty()) {
        MESSAGE("there is a GPU here");
        return;
    }
    CHECK((contains(reason, "built without CUDA") || contains(reason, "CUDA: no driver") ||
           contains(reason, "CUDA: the driver")));
    const ScratchFolder folder;
    const std::string weights = untrained(folder), run = folder / "run";
    const std::string image = folder.file("face.pgm", "P5 2 2 255 abcd");
    for (std::vector<std::string> command :
         std::vector<std::vector<std::string>>{{"train", "--limit", "64", "--run", run},
                                               {"ablate", "--limit", "64", "--run", run},
                                               {"eval", "--limit", "8", "--weights", weights},
                                               {"predict", "--weights", weights, image},
                                               {"bench", "--batch", "1"}}) {
        INFO(command[0]);
        command.insert(command.end(), {"--device", "gpu"});
        const auto outcome = daf_test::daf_cnn(command);
        CHECK(outcome.status == 1);
        CHECK(outcome.err == "daf-cnn: " + reason + "\n");
        CHECK(outcome.out.empty());
        CHECK_FALSE(std::filesystem::exists(run));
    }
}

TEST_CASE("--precision tf32 and bf16 are a GPU's: bad use on the processor, and nothing is written") {
    const ScratchFolder folder;
    const std::string weights = untrained(folder), run = folder / "run";
    const std::string image = folder.file("face.pgm", "P5 2 2 255 abcd");
    for (const std::string precision : {"tf32", "bf16"}) {
        for (std::vector<std::string> command :
             std::vector<std::vector<std::string>>{{"train", "--limit", "64", "--run", run},
                                                   {"ablate", "--limit", "64", "--run", run},
                                                   {"finetune", "--weights", weights, "--run", run},
                                                   {"eval", "--limit", "8", "--weights", weights},
                                                   {"predict", "--weights", weights, image},
                                                   {"bench", "--batch", "1"}}) {
            INFO(command[0]);
            command.insert(command.end(), {"--precision", precision});
            const auto outcome = daf_test::daf_cnn(command);
            CHECK(outcome.status == 2);
            CHECK(contains(outcome.err, "--precision: expected float with --device cpu, but was given '" +
                                            precision + "'; take float, or --device gpu"));
            CHECK(outcome.out.empty());
            CHECK_FALSE(std::filesystem::exists(run));
        }
    }
}

TEST_CASE("bench --threads are the processor's: bad use on a GPU") {
    const auto outcome = daf_test::daf_cnn({"bench", "--device", "gpu", "--threads", "1"});
    CHECK(outcome.status == 2);
    CHECK(contains(outcome.err, "--threads: what a GPU does takes no time of the processor's threads"));
}

TEST_CASE("a run of another precision goes on where the precision is given anew") {
    daf_cnn::TrainConfig stored, command_line;
    stored.device = "gpu";
    stored.precision = "bf16";
    CHECK(daf_cnn::resumed(stored, command_line, {}).precision == "bf16");
    for (const auto& taken_over : {daf_cnn::resumed, daf_cnn::repeated}) {
        CHECK_THROWS_WITH_AS(
            taken_over(stored, command_line, {"device"}),
            "--device cpu: the run's precision is bf16, which is a GPU's: add --precision float",
            daf_cnn::BadUse);
    }
    const auto on_cpu = daf_cnn::resumed(stored, command_line, {"device", "precision"});
    CHECK((on_cpu.device == "cpu" && on_cpu.precision == "float"));
    const auto settings = [&](const char* precision) {
        stored.precision = precision;
        return stored.network_settings().placement.precision;
    };
    CHECK(settings("bf16") == daf_cnn::Precision::bf16);
    CHECK(settings("tf32") == daf_cnn::Precision::tf32);
    CHECK(settings("float") == daf_cnn::Precision::single);
}

TEST_CASE("--device cpu is what a command runs on if nothing is said") {
    const auto bench = [](std::vector<std::string> more) {
        more.insert(more.begin(), {"bench", "--mode", "tc", "--batch", "2", "--threads", "1", "--json"});
        return daf_test::daf_cnn(more).out;
    };
    CHECK(contains(bench({}), "\"device\":\"cpu\""));
    CHECK(contains(bench({"--device", "cpu"}), "\"device\":\"cpu\""));
    const auto outcome = daf_test::daf_cnn({"bench", "--device", "tpu"});
    CHECK(outcome.status == 2);
    CHECK(contains(outcome.err, "--device"));
}
