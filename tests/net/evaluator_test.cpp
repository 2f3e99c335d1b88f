#include <doctest/doctest.h>

#include <algorithm>
#include <daf/daf.hpp>

#include "support/allocations.hpp"
#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"

using daf::Index;

namespace {

using Network = daf_test::TinyNetwork;
using Evaluator = daf::Evaluator<Network, daf::Cpu>;
using Learner = daf::Learner<Network, daf::Cpu>;
constexpr Index largest = 18;

/// Embeddings and logits, one after another.
std::vector<float> values_of(const Evaluator::Outputs& outputs) {
    std::vector<float> values(outputs.embeddings.data(),
                              outputs.embeddings.data() + outputs.embeddings.size());
    values.insert(values.end(), outputs.logits.data(), outputs.logits.data() + outputs.logits.size());
    return values;
}

// Whoever moved a learner's part would leave it in memory that is gone.
static_assert(!std::is_constructible_v<Evaluator, Learner>);
static_assert(!std::is_assignable_v<Evaluator&, Learner>);

}  // namespace

TEST_CASE("an evaluator says what the learner says whose parameters it has, on any number of threads") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    Learner learner(cpu, daf::max_batch(largest), daf::Seed{5});
    const daf_test::TinyData<float> data(largest);
    for (int step = 0; step < 5; ++step) learner.step(data.images(), data.classes());
    const std::vector<float> wanted = values_of(learner.evaluate(data.images()));
    daf::save_checkpoint(folder / "a.safetensors", learner, {.architecture = "tiny"});

    for (const int threads : {1, 2, 3}) {
        daf::Cpu mine{daf::Threads{threads}};
        Evaluator evaluator(mine, daf::max_batch(largest));
        daf::load_parameters(folder / "a.safetensors", evaluator, "tiny");
        CHECK(values_of(evaluator.evaluate(data.images())) == wanted);
        CHECK(std::ranges::equal(evaluator.parameters(), learner.parameters()));
        CHECK(evaluator.centres().data()[0] == learner.centres().data()[0]);
    }
}

TEST_CASE("a learner is an evaluator: what asks one asks the other") {
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(largest), daf::Seed{5});
    const daf_test::TinyData<float> data(largest);
    Evaluator& as_used = learner;
    const auto seen = [&](Evaluator& asked) {
        std::vector<std::size_t> operators;
        asked.evaluate(data.images(), [&](auto i, const auto&...) { operators.push_back(i); });
        return operators;
    };
    const std::vector<std::size_t> operators = seen(as_used);
    REQUIRE(operators.size() == Network::metric_at);
    for (std::size_t i = 0; i < operators.size(); ++i) CHECK(operators[i] == i);
}

TEST_CASE("an evaluator takes the memory of its parameters and forward passes, and allocates no more") {
    daf::Cpu cpu(daf::Threads{2});
    const daf_test::TinyData<float> data(largest);
    Evaluator evaluator(cpu, daf::max_batch(largest));
    CHECK(std::ranges::all_of(evaluator.parameters(), [](float p) { return p == 0; }));
    const auto before = daf_test::allocations();
    for (const Index count : {largest, Index{1}, largest - 1})
        evaluator.evaluate(data.images().slice(0, count));
    CHECK(daf_test::allocations() == before);
    const Index parameters = daf::parameter_count<Network> * static_cast<Index>(sizeof(float));
    CHECK(Evaluator::bytes(largest) > parameters);
    CHECK(Evaluator::bytes(largest) < Learner::bytes(largest, daf::Adam{}) - 2 * parameters);

    const daf_test::TinyData<float> more(largest + 1);
    CHECK_THROWS_AS(evaluator.evaluate(more.images()), daf::ArgumentError);
}

TEST_CASE("an evaluator reserves what the batch takes that needs most of its context's scratch") {
    for (const Index most : {18, 193, 228}) {
        daf::Cpu cpu(daf::Threads{2});
        const Evaluator evaluator(cpu, daf::max_batch(most));
        CHECK(cpu.arena().capacity() == Evaluator::scratch_bytes(cpu, most));
        for (const Index count : {Index{1}, most / 2, most})
            CHECK(Evaluator::scratch_bytes(cpu, count) <= cpu.arena().capacity());
    }
}

TEST_CASE("an evaluator refuses another network's checkpoint and is as it was") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Evaluator evaluator(cpu, daf::max_batch(1));
    std::ranges::fill(evaluator.parameters(), 0.5f);
    daf::save_parameters(folder / "a.safetensors", evaluator, {.architecture = "tiny"});
    evaluator.parameters()[0] = 2;
    CHECK_THROWS_AS(daf::load_parameters(folder / "a.safetensors", evaluator, "huge"), daf::MismatchError);
    CHECK(evaluator.parameters()[0] == 2);
    daf::load_parameters(folder / "a.safetensors", evaluator, "tiny");
    CHECK(evaluator.parameters()[0] == 0.5f);
}
