// --device gpu where there is none to be had: one clear line from every command that runs a network, and nothing written.
#include <doctest/doctest.h>

#include <daf/daf.hpp>

#include "network/gpu_preset.hpp"
#include "run_program.hpp"

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
    daf_cnn::lite_preset.make_network(cpu, settings)->save(folder / "lite.safetensors", {});
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
