// Every preset as the program compiles it: its figures, its steps, its tensors' names.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <daf/cpu/context.hpp>

#include "network/face_network.hpp"
#include "support/scratch_folder.hpp"

namespace {

using daf_cnn::Attention;
using daf_cnn::Index;
using daf_cnn::NetworkSettings;
using daf_cnn::Preset;

struct Figures {
    const char* name;
    Index side;
    std::vector<Index> widths;
    Index embedding;
    bool last_pool;
};
const std::vector<Figures> all_figures{{"paper", 96, {64, 128, 256, 512, 512}, 512, true},
                                       {"half", 48, {32, 64, 128, 256, 256}, 256, false},
                                       {"lite", 48, {16, 32, 64, 128, 128}, 128, false}};
const std::vector<Index> depths{3, 3, 4, 4, 4};

Index expected_parameters(const Figures& figures, Attention attention) {
    Index count = 0, in = 1;
    for (std::size_t block = 0; block < depths.size(); ++block) {
        const Index width = figures.widths[block];
        for (Index i = 0; i < depths[block]; ++i) {
            count += 9 * in * width + 4 * width;  // scale, shift, running mean and variance
            in = width;
        }
    }
    if (attention == Attention::full) count += 2 * in * (in / 8) + in / 8 + in + 2 * 49 + 1;
    const Index last_side = figures.side / (figures.last_pool ? 32 : 16);
    count += (last_side * last_side * in + 1) * figures.embedding;
    return count + (figures.embedding + 1) * 7 + 7 * figures.embedding;
}

/// What PyTorch's network of the same layers calls its tensors.
std::set<std::string> expected_names() {
    std::set<std::string> names{"centres"};
    int module = 0;
    for (const Index depth : depths) {
        for (Index i = 0; i < depth; ++i) {
            names.insert("trunk." + std::to_string(module) + ".weight");
            for (const char* field :
                 {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}) {
                names.insert("trunk." + std::to_string(module + 1) + "." + field);
            }
            module += 3;
        }
        ++module;
    }
    for (const char* layer : {"attention.fc1", "attention.fc2", "attention.conv", "fc1", "fc2"}) {
        for (const char* field : {".weight", ".bias"}) names.insert(std::string(layer) + field);
    }
    return names;
}

}  // namespace

TEST_CASE("network: every preset learns and judges, with the figures that it should have") {
    daf::Cpu cpu(daf::Threads{2});
    for (const Figures& figures : all_figures) {
        const Preset& preset = daf_cnn::preset_named(figures.name);
        CHECK(preset.side == figures.side);
        for (const Attention attention : {Attention::full, Attention::none}) {
            CAPTURE(figures.name);
            NetworkSettings settings;
            settings.attention = attention;
            settings.largest_batch = 2;
            const auto network = preset.make_learner(cpu, settings);
            CHECK(network->side() == figures.side);
            CHECK(network->architecture() == daf_cnn::architecture_of(figures.name, attention));
            CHECK(network->parameter_count() == expected_parameters(figures, attention));
            CHECK(network->bytes() > 16 * network->parameter_count());

            std::vector<float> images(static_cast<std::size_t>(2 * figures.side * figures.side));
            for (std::size_t i = 0; i < images.size(); ++i)
                images[i] = static_cast<float>(i * 37 % 101) / 100.0f;
            const std::vector<std::int32_t> labels{3, 5};
            const daf::StepResult result = network->step(images, labels);
            CHECK(std::isfinite(result.loss));
            CHECK(result.loss == doctest::Approx(result.softmax + 0.007 * result.metric));
            CHECK(result.count == 2);
            daf_cnn::Judgement judgement;
            network->judge(images, labels, judgement);
            CHECK(judgement.confusion.row(3) + judgement.confusion.row(5) == 2);
            CHECK(std::isfinite(judgement.softmax()));
            CHECK(judgement.tc() >= 0);
            for (const double norm : network->centre_norms()) CHECK(norm > 0);
        }
    }
}

TEST_CASE("network: a checkpoint names and lays out its tensors as PyTorch's network does") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    NetworkSettings settings;
    settings.largest_batch = 1;
    const auto network = daf_cnn::lite_preset.make_learner(cpu, settings);
    network->save(folder / "network.safetensors", {});
    const auto file = daf::open_checkpoint(folder / "network.safetensors");
    std::set<std::string> names;
    for (const daf::NamedTensor& tensor : file.tensors()) {
        if (!tensor.name.starts_with("optimizer.")) names.insert(tensor.name);
    }
    CHECK(names == expected_names());
    using Shape = daf::TensorShape;
    CHECK(file.tensor("trunk.0.weight").shape == Shape{16, 1, 3, 3});
    CHECK(file.tensor("trunk.10.weight").shape == Shape{32, 16, 3, 3});
    CHECK(file.tensor("attention.fc1.weight").shape == Shape{16, 128});
    CHECK(file.tensor("attention.conv.weight").shape == Shape{1, 2, 7, 7});
    CHECK(file.tensor("fc1.weight").shape == Shape{128, 1152});
    CHECK(file.tensor("fc2.weight").shape == Shape{7, 128});
    CHECK(file.tensor("centres").shape == Shape{7, 128});
    CHECK(file.metadata("architecture") == "daf-cnn lite attention=full");
}
