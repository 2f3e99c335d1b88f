// Parameters out of files that no learner of the same network wrote: other element types, tensors too many,
// another network's trunk.
#include <doctest/doctest.h>

#include <daf/daf.hpp>
#include <deque>

#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"

using daf::Dtype;
using daf_test::message_of;
using daf_test::TinyNetwork;
using Learner = daf::Learner<TinyNetwork, daf::Cpu>;

namespace {

/// Of a slab or a batch.
std::vector<float> copy(const auto& numbers) {
    return {numbers.data(), numbers.data() + numbers.size()};
}

/// A file's tensors, to be changed and written again.
class Edited {
  public:
    explicit Edited(const std::filesystem::path& path) : file_(daf::read_safetensors(path)) {
        for (const auto& tensor : file_.tensors()) tensors_.push_back(tensor);
    }
    void add(const std::string& name, const daf::TensorShape& shape = {4}) {
        std::size_t count = 1;
        for (const auto extent : shape) count *= extent;
        tensors_.push_back(daf::named_tensor<float>(name, shape, floats_.emplace_back(count, 0.5F)));
    }
    /// Only what number(float) leaves of each float, in elements of that type.
    template <class Stored>
    void store_as(Dtype dtype, const auto& number) {
        for (auto& tensor : tensors_) {
            if (tensor.dtype != Dtype::F32) continue;
            std::vector<std::byte>& bytes = bytes_.emplace_back();
            for (const float value : file_.values<float>(tensor.name)) {
                const Stored stored = number(value);
                const auto* first = reinterpret_cast<const std::byte*>(&stored);
                bytes.insert(bytes.end(), first, first + sizeof stored);
            }
            tensor.dtype = dtype;
            tensor.bytes = bytes;
        }
    }
    daf::Safetensors written(const std::filesystem::path& path, const daf::Metadata& metadata = {}) const {
        daf::write_safetensors(path, tensors_, metadata);
        return daf::read_safetensors(path);
    }
    const daf::Metadata& metadata() const { return file_.metadata(); }

  private:
    daf::Safetensors file_;
    std::vector<daf::NamedTensor> tensors_;
    std::deque<std::vector<float>> floats_;
    std::deque<std::vector<std::byte>> bytes_;
};

std::uint16_t upper_half(float value) {
    return daf::bf16(value).bits();
}

}  // namespace

TEST_CASE("parameters are read from narrower elements, as PyTorch users export them") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_parameters(folder / "a.safetensors", learner, {"tiny"});
    const auto exact = copy(learner.parameters());
    std::vector<float> rounded(exact.size());
    std::ranges::transform(exact, rounded.begin(), [](float v) { return static_cast<float>(daf::bf16(v)); });

    Edited narrow(folder / "a.safetensors");
    narrow.store_as<std::uint16_t>(Dtype::BF16, upper_half);
    const daf::Safetensors file = narrow.written(folder / "b.safetensors");
    std::vector<float> slab(exact.size());
    daf::read_parameters<TinyNetwork>(file, slab);
    CHECK(slab == rounded);
    std::vector<double> wide(exact.size());
    daf::read_parameters<TinyNetwork>(file, wide);
    CHECK(std::ranges::equal(wide, rounded));
    daf::read_parameters<TinyNetwork>(daf::read_safetensors(folder / "a.safetensors"), wide);
    CHECK(std::ranges::equal(wide, exact));
    daf::Evaluator<TinyNetwork, daf::Cpu, double> evaluator(cpu, daf::max_batch(4));
    daf::load_parameters(folder / "a.safetensors", evaluator, "tiny");
    CHECK(std::ranges::equal(evaluator.parameters(), exact));

    Edited ones(folder / "a.safetensors");
    ones.store_as<std::uint16_t>(Dtype::F16, [](float) { return std::uint16_t{0x3C00}; });
    daf::read_parameters<TinyNetwork>(ones.written(folder / "c.safetensors"), slab);
    CHECK(std::ranges::count(slab, 1.0F) == std::ssize(slab));
}

TEST_CASE("elements that would have to be rounded are refused and nothing is read") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(folder / "a.safetensors", learner, {"tiny"});
    std::vector<float> slab(learner.parameters().size(), 3);
    Edited doubles(folder / "a.safetensors");
    doubles.store_as<double>(Dtype::F64, [](float value) { return static_cast<double>(value); });
    const daf::Safetensors file = doubles.written(folder / "b.safetensors", doubles.metadata());
    const auto message =
        message_of<daf::MismatchError>([&] { daf::read_parameters<TinyNetwork>(file, slab); });
    INFO(message);
    CHECK(message.find("': expected F32, found F64. Write it as F32 (in PyTorch: tensor.float())") !=
          std::string::npos);
    CHECK(message.find("something else") == std::string::npos);
    CHECK(std::ranges::count(slab, 3.0F) == std::ssize(slab));

    // Training goes on from what it stopped with, to the bit, or not at all.
    Edited narrow(folder / "a.safetensors");
    narrow.store_as<std::uint16_t>(Dtype::BF16, upper_half);
    narrow.written(folder / "c.safetensors", narrow.metadata());
    const auto before = copy(learner.parameters());
    CHECK_THROWS_AS(daf::load_checkpoint(folder / "c.safetensors", learner, "tiny"), daf::MismatchError);
    CHECK(copy(learner.parameters()) == before);
    CHECK_NOTHROW(daf::load_parameters(folder / "c.safetensors", learner, "tiny"));
}

TEST_CASE("a tensor that the network does not have is refused by its name, and nothing is read") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner from(cpu, daf::max_batch(4), daf::Seed{5}), to(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(folder / "a.safetensors", from, {"tiny"});
    to.parameters()[0] += 1;
    const auto before = copy(to.parameters());
    std::vector<float> slab(before.size(), 3);
    for (const std::string name :
         {"trunk.0.bias", "head.7.weight", "num_batches_tracked", "trunk.1.num_batches_tracked_",
          "optimizer.weight", "optimizer", "another"}) {
        CAPTURE(name);
        Edited edited(folder / "a.safetensors");
        edited.add(name);
        const daf::Safetensors file = edited.written(folder / "b.safetensors", edited.metadata());
        const auto refused = [&](auto&& read) {
            const auto message = message_of<daf::MismatchError>(read);
            INFO(message);
            CHECK(message.find("b.safetensors: tensor '" + name + "': expected only what the network has") !=
                  std::string::npos);
            CHECK(message.find("daf::Extra::ignored") != std::string::npos);
        };
        refused([&] { daf::read_parameters<TinyNetwork>(file, slab); });
        refused([&] { daf::restore_parameters(file, to, "tiny"); });
        CHECK(std::ranges::count(slab, 3.0F) == std::ssize(slab));
        CHECK(copy(to.parameters()) == before);
        CHECK_THROWS_AS(daf::restore_checkpoint(file, to, "tiny"), daf::MismatchError);
        CHECK(copy(to.parameters()) == before);

        daf::read_parameters<TinyNetwork>(file, slab, {.extra = daf::Extra::ignored});
        CHECK(slab == copy(from.parameters()));
        std::ranges::fill(slab, 3.0F);
    }
    // What is missing is said first: the file may be of something else altogether.
    Edited edited(folder / "a.safetensors");
    edited.add("another");
    CHECK(message_of<daf::MismatchError>([&] {
              std::vector<float> trunk(daf::parameter_count<daf_test::TinyTrunk>);
              daf::read_parameters<daf_test::TinyTrunk>(edited.written(folder / "b.safetensors"), trunk);
          }).find("tensor '0.weight': expected a tensor of that name, found none") != std::string::npos);
}

TEST_CASE("what stands beside parameters is none too many") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(folder / "a.safetensors", learner, {"tiny"});  // with moments
    const daf::Safetensors file = daf::read_safetensors(folder / "a.safetensors");
    CHECK(file.find("optimizer.moment1.fc1.weight") != nullptr);
    CHECK(file.find("trunk.1.num_batches_tracked") != nullptr);
    std::vector<float> slab(learner.parameters().size());
    CHECK_NOTHROW(daf::read_parameters<TinyNetwork>(file, slab));
    CHECK(slab == copy(learner.parameters()));
}

TEST_CASE("a network without the metric loss takes a checkpoint whose centres it is told to ignore") {
    using Deployed = daf::Network<daf_test::TinyTrunk, daf_test::TinyHead>;
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(path, learner, {"tiny"});
    daf::Evaluator<Deployed, daf::Cpu> evaluator(cpu, daf::max_batch(4));
    const auto message =
        message_of<daf::MismatchError>([&] { daf::load_parameters(path, evaluator, "tiny"); });
    CHECK(message.find("tensor 'centres': expected only what the network has") != std::string::npos);
    daf::load_parameters(path, evaluator, "tiny", {.extra = daf::Extra::ignored});
    const daf_test::TinyData<float> data(4);
    const auto want = copy(learner.evaluate(data.images()).logits);
    CHECK(copy(evaluator.evaluate(data.images()).logits) == want);
    std::vector<float> slab(daf::parameter_count<Deployed>);
    CHECK_THROWS_AS(daf::load_parameters<Deployed>(path, slab, "tiny"), daf::MismatchError);
    daf::load_parameters<Deployed>(path, slab, "tiny", {.extra = daf::Extra::ignored});
    CHECK(slab == copy(evaluator.parameters()));
}

TEST_CASE("the trunk of a network's file is parameters of a sequence") {
    using Trunk = daf_test::TinyTrunk;
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(path, learner, {"tiny"});
    const daf_test::TinyData<float> data(4);
    const auto embeddings = copy(learner.evaluate(data.images()).embeddings);

    daf::Model<Trunk, daf::Cpu> model(cpu, daf::max_batch(4), daf::Seed{6});
    daf::load_parameters(path, model, "tiny", {.prefix = "trunk."});
    CHECK(copy(model.forward(data.images())) == embeddings);
    std::vector<float> slab(daf::parameter_count<Trunk>);
    daf::load_parameters<Trunk>(path, slab, "tiny", {.prefix = "trunk."});
    CHECK(slab == copy(model.parameters()));

    // The head's tensors are none too many, the trunk's are.
    for (const std::string name : {"trunk.0.bias", "trunk.70.weight", "attention.more", "fc1.more"}) {
        Edited edited(path);
        edited.add("elsewhere.weight");
        edited.add(name);
        const daf::Safetensors file = edited.written(folder / "b.safetensors");
        const auto message = message_of<daf::MismatchError>(
            [&] { daf::read_parameters<Trunk>(file, slab, {.prefix = "trunk."}); });
        CHECK(message.find("tensor '" + name + "'") != std::string::npos);
        daf::read_parameters<Trunk>(file, slab, {.extra = daf::Extra::ignored, .prefix = "trunk."});
    }
    CHECK(message_of<daf::MismatchError>([&] {
              daf::load_parameters<Trunk>(path, slab, "tiny", {.prefix = "base."});
          }).find("tensor 'base.0.weight'") != std::string::npos);
    std::vector<float> all(daf::parameter_count<TinyNetwork>);
    CHECK_THROWS_WITH_AS(daf::load_parameters<TinyNetwork>(path, all, "tiny", {.prefix = "trunk."}),
                         "ReadOptions: prefix: expected none, since a Network has prefixes of its own, found "
                         "'trunk.'. For its trunk alone use load_trunk.",
                         daf::ArgumentError);
}

TEST_CASE("a network with another head takes the trunk and keeps what is its own") {
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Learner from(cpu, daf::max_batch(4), daf::Seed{5});
    const daf_test::TinyData<float> data(4);
    from.step(data.images(), data.classes());
    daf::save_checkpoint(path, from, {"tiny"});

    using FourClasses = daf::Sequence<daf::Shape<6>, daf::layer::Named<"fc2", daf::layer::Linear<4>>>;
    // [trunk]
    using Four = daf::Network<daf_test::TinyTrunk, FourClasses>;  // the same trunk, another head
    daf::Learner<Four, daf::Cpu> learner(cpu, daf::max_batch(4), daf::Seed{1});
    daf::load_trunk(path, learner, "tiny");  // out of the other network's checkpoint
    // [/trunk]
    const daf::Learner<Four, daf::Cpu> untouched(cpu, daf::max_batch(4), daf::Seed{1});
    CHECK(copy(learner.evaluate(data.images()).embeddings) == copy(from.evaluate(data.images()).embeddings));
    const auto of_head = [](const auto& owner) {
        const auto bound = daf::bind_all_parameters<Four>(owner.parameters().data());
        const auto& fc2 = daf::get<Four::metric_at - 1>(bound);
        std::vector<float> values = copy(fc2.weight);
        std::ranges::copy(copy(fc2.bias), std::back_inserter(values));
        return values;
    };
    CHECK(of_head(learner) == of_head(untouched));
    CHECK(learner.updates() == 0);

    // Of a sequence's own file, where nothing stands before the numbers.
    daf::Model<daf_test::TinyTrunk, daf::Cpu> model(cpu, daf::max_batch(4), daf::Seed{6});
    daf::save_parameters(folder / "b.safetensors", model, {"trunk"});
    daf::load_trunk(folder / "b.safetensors", learner, "trunk", {.prefix = ""});
    CHECK(copy(learner.evaluate(data.images()).embeddings) == copy(model.forward(data.images())));

    const auto before = copy(learner.parameters());
    CHECK_THROWS_AS(daf::load_trunk(path, learner, "another"), daf::MismatchError);
    CHECK_THROWS_AS(daf::load_trunk(folder / "b.safetensors", learner, "trunk"), daf::MismatchError);
    Edited edited(path);
    edited.add("trunk.0.bias");
    const daf::Safetensors file = edited.written(folder / "c.safetensors");
    CHECK(message_of<daf::MismatchError>([&] { daf::read_trunk(file, learner); }).find("'trunk.0.bias'") !=
          std::string::npos);
    CHECK(copy(learner.parameters()) == before);
    daf::read_trunk(file, learner, {.extra = daf::Extra::ignored});
    CHECK(copy(learner.evaluate(data.images()).embeddings) == copy(from.evaluate(data.images()).embeddings));
}
