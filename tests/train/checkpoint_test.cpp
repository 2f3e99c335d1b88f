#include <doctest/doctest.h>

#include <daf/daf.hpp>
#include <fstream>
#include <iterator>

#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"

using daf_test::TinyData;
using daf_test::TinyNetwork;
using Learner = daf::Learner<TinyNetwork, daf::Cpu>;

namespace {

const std::string architecture = "tiny";

/// Another head, behind the same trunk.
using WideHead = daf::Sequence<daf::Shape<6>, daf::layer::Named<"fc2", daf::layer::Linear<4>>>;
using WideNetwork = daf::Network<daf_test::TinyTrunk, WideHead, daf::TripletCentreLoss<daf::Shape<6>, 4>>;

void train(Learner& learner, int steps, std::uint64_t data_seed) {
    const TinyData<float> data(16, data_seed);
    for (int i = 0; i < steps; ++i) learner.step(data.images(), data.classes());
}

template <class Span>
auto copy(Span span) {
    return std::vector<std::remove_const_t<typename Span::element_type>>(span.begin(), span.end());
}

}  // namespace

TEST_CASE("training goes on from a checkpoint to the same bits as undisturbed") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    Learner undisturbed(cpu, daf::max_batch(16), daf::Seed{5});
    train(undisturbed, 3, 1);
    undisturbed.set_learning_rate(5e-4);
    daf::CheckpointInfo info{architecture, 7, {}, {{"preset", "tiny \"quoted\"\n"}}};
    info.schedule.rate = 2e-4;
    info.schedule.observe(0.1234567890123456789);
    daf::save_checkpoint(folder / "a.safetensors", std::as_const(undisturbed), info);
    train(undisturbed, 3, 2);

    Learner resumed(cpu, daf::max_batch(16), daf::Seed{5});
    train(resumed, 1, 9);  // whatever it held before
    const auto read = daf::load_checkpoint(folder / "a.safetensors", resumed, architecture);
    CHECK(read.epoch == 7);
    CHECK(read.notes == info.notes);
    CHECK(read.schedule.best_accuracy == info.schedule.best_accuracy);
    CHECK(read.schedule.rate == 2e-4);
    CHECK(daf::learning_rate(resumed.optimizer()) == 5e-4);
    train(resumed, 3, 2);
    CHECK(copy(resumed.parameters()) == copy(undisturbed.parameters()));
    CHECK(copy(resumed.moment(0)) == copy(undisturbed.moment(0)));
    CHECK(copy(resumed.moment(1)) == copy(undisturbed.moment(1)));
}

TEST_CASE("parameters alone leave moments and counters as they are") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner from(cpu, daf::max_batch(16), daf::Seed{5}), to(cpu, daf::max_batch(16), daf::Seed{6});
    train(from, 2, 1);
    train(to, 1, 1);
    const auto moment = copy(to.moment(0));
    daf::save_checkpoint(folder / "a.safetensors", from, {architecture});
    daf::load_parameters(folder / "a.safetensors", to, architecture);
    CHECK(copy(to.parameters()) == copy(from.parameters()));
    CHECK(copy(to.moment(0)) == moment);
    CHECK(to.updates() == 1);
    CHECK(to.draws() == 1);
}

TEST_CASE("parameters are read without a learner, out of a learner's checkpoint too") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner from(cpu, daf::max_batch(16), daf::Seed{5});
    train(from, 2, 1);
    daf::save_checkpoint(folder / "a.safetensors", from, {architecture, 3});
    std::vector<float> slab(daf::parameter_count<TinyNetwork>);
    CHECK(daf::load_parameters<TinyNetwork>(folder / "a.safetensors", slab, architecture).epoch == 3);
    CHECK(slab == copy(from.parameters()));
}

TEST_CASE(
    "the parameters of a model are a file that models and learners read, but no training goes on from") {
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    using Trunk = daf_test::TinyTrunk;
    daf::Model<Trunk, daf::Cpu> model(cpu, daf::max_batch(4), daf::Seed{5}),
        again(cpu, daf::max_batch(4), daf::Seed{6});
    daf::save_parameters(path, std::as_const(model), {"trunk"});
    daf::load_parameters(path, again, "trunk");
    CHECK(copy(again.parameters()) == copy(model.parameters()));
    CHECK(daf::open_checkpoint(path).tensor("0.weight").shape == daf::TensorShape{4, 1, 3, 3});

    Learner learner(cpu, daf::max_batch(4), daf::Seed{5}), other(cpu, daf::max_batch(4), daf::Seed{6});
    const std::span<const float> parameters = learner.parameters();
    daf::save_parameters<TinyNetwork>(path, parameters, {architecture});
    const auto message =
        daf_test::message_of<daf::MismatchError>([&] { daf::load_checkpoint(path, other, architecture); });
    CHECK(message.find("'optimizer': expected what training goes on from, found parameters alone") !=
          std::string::npos);
    CHECK(copy(other.parameters()) != copy(learner.parameters()));
    daf::load_parameters(path, other, architecture);
    CHECK(copy(other.parameters()) == copy(learner.parameters()));
}

TEST_CASE("parameters of another number or of something else are refused and nothing is read") {
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    const auto before = copy(learner.parameters());
    std::vector<float> slab(before.size(), 3), shorter(before.size() - 1), same = slab;
    CHECK_THROWS_WITH_AS(daf::save_parameters<TinyNetwork>(path, shorter, {architecture}),
                         ("save_parameters: expected " + std::to_string(slab.size()) + " elements, got " +
                          std::to_string(shorter.size()))
                             .c_str(),
                         daf::ArgumentError);
    CHECK_FALSE(std::filesystem::exists(path));
    daf::save_parameters<TinyNetwork>(path, learner.parameters(), {"another"});
    CHECK_THROWS_AS(daf::load_parameters<TinyNetwork>(path, shorter, "another"), daf::ArgumentError);
    CHECK_THROWS_AS(daf::load_parameters<TinyNetwork>(path, slab, architecture), daf::MismatchError);
    CHECK_THROWS_AS(daf::load_parameters<daf_test::TinyTrunk>(
                        path, std::span(slab).first(daf::parameter_count<daf_test::TinyTrunk>), "another"),
                    daf::MismatchError);
    CHECK(slab == same);

    // The last layers alone are others.
    std::vector<float> wide(daf::parameter_count<WideNetwork>, 3);
    const auto message = daf_test::message_of<daf::MismatchError>(
        [&] { daf::load_parameters<WideNetwork>(path, wide, "another"); });
    CHECK(message.find("fc2.weight") != std::string::npos);
    CHECK(std::ranges::count(wide, 3.0F) == std::ssize(wide));
}

TEST_CASE("the tensors of a file that says nothing of itself, as PyTorch writes it, are parameters too") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_parameters(folder / "a.safetensors", learner, {architecture});
    const auto file = daf::open_checkpoint(folder / "a.safetensors");
    daf::write_safetensors(folder / "b.safetensors", file.tensors(), {});
    std::vector<float> slab(daf::parameter_count<TinyNetwork>);
    daf::read_parameters<TinyNetwork>(daf::read_safetensors(folder / "b.safetensors"), slab);
    CHECK(slab == copy(learner.parameters()));
}

TEST_CASE("a checkpoint has PyTorch's shapes and layouts") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(folder / "a.safetensors", learner, {architecture});
    const auto file = daf::open_checkpoint(folder / "a.safetensors");
    CHECK(file.tensor("trunk.4.weight").shape == daf::TensorShape{8, 4, 3, 3});
    CHECK(file.tensor("fc1.weight").shape == daf::TensorShape{6, 8 * 4 * 4});
    CHECK(file.tensor("attention.conv.weight").shape == daf::TensorShape{1, 2, 3, 3});
    CHECK(file.tensor("centres").shape == daf::TensorShape{3, 6});
    CHECK(file.tensor("trunk.5.num_batches_tracked").shape.empty());

    const auto bound = daf::bind_all_parameters<TinyNetwork>(learner.parameters().data());
    const auto ours = daf::get<2>(bound).weight;  // (3,3,4,8)
    CHECK(file.values<float>("trunk.4.weight")[((5 * 4 + 2) * 3 + 1) * 3 + 2] ==
          ours[((1 * 3 + 2) * 4 + 2) * 8 + 5]);
    const auto map = daf::get<5>(bound).weight;  // (4,4,8,6)
    CHECK(file.values<float>("fc1.weight")[3 * 128 + (7 * 4 + 1) * 4 + 2] ==
          map[((1 * 4 + 2) * 8 + 7) * 6 + 3]);
}

TEST_CASE("a checkpoint of something else changes nothing and says what is wrong") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    const auto path = folder / "a.safetensors";
    daf::save_checkpoint(path, learner, {"another"});
    const auto before = copy(learner.parameters());
    const auto says = [&](const std::string& text) {
        const auto message =
            daf_test::message_of<daf::Error>([&] { daf::load_checkpoint(path, learner, architecture); });
        INFO(message);
        CHECK(message.find(text) != std::string::npos);
        CHECK(message.find(path.string()) != std::string::npos);
        CHECK(copy(learner.parameters()) == before);
    };
    says("expected 'tiny', found 'another'");

    Learner sgd(cpu, daf::max_batch(4), daf::Seed{6}, {}, {}, daf::Sgd{});
    daf::save_checkpoint(path, sgd, {architecture});
    says("metadata 'optimizer': expected adam, found sgd");

    Learner other_seed(cpu, daf::max_batch(4), daf::Seed{6});
    daf::save_checkpoint(path, other_seed, {architecture});
    says("metadata 'seed': expected 5, found 6");

    // A tensor of another shape, after many good ones.
    daf::Learner<WideNetwork, daf::Cpu> wide(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(path, wide, {architecture});
    says("fc2.weight");

    // A rate that cannot be, under a checksum that is right.
    Learner elsewhere(cpu, daf::max_batch(4), daf::Seed{5});
    elsewhere.parameters()[0] += 1;
    for (const char* rate : {"nan", "inf", "-1"}) {
        daf::save_checkpoint(path, elsewhere, {architecture});
        const daf::Safetensors file = daf::read_safetensors(path);
        daf::Metadata crafted = file.metadata();
        crafted["optimizer.learning_rate"] = rate;
        daf::write_safetensors(path, file.tensors(), crafted);
        says("metadata 'optimizer.learning_rate'");
        CHECK(daf::learning_rate(learner.optimizer()) == 1e-3);
    }

    std::ofstream(path) << "{}";
    says("byte 0");
    std::filesystem::remove(path);
    says("a.safetensors");
}

TEST_CASE("an altered or truncated checkpoint changes nothing") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    const auto path = folder / "a.safetensors";
    daf::save_checkpoint(path, learner, {architecture});
    std::ifstream in(path, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    const auto before = copy(learner.parameters());
    const auto refused = [&](const std::string& content) {
        std::ofstream(path, std::ios::binary) << content;
        CHECK_THROWS_AS(daf::load_checkpoint(path, learner, architecture), daf::Error);
        CHECK(copy(learner.parameters()) == before);
    };
    for (std::size_t at = 0; at < whole.size(); at += 211) {
        std::string altered = whole;
        altered[at] = static_cast<char>(altered[at] ^ 1);
        refused(altered);
        refused(whole.substr(0, at));
    }
}
