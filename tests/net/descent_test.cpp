#include <doctest/doctest.h>

#include <daf/daf.hpp>
#include <limits>

#include "support/allocations.hpp"
#include "support/own_loss.hpp"
#include "support/scratch_folder.hpp"

namespace {

namespace layer = daf::layer;
using daf_test::TinyData;
using daf_test::own_loss::Both;
using Dropping = daf::Sequence<daf::Shape<8, 8, 1>, layer::ConvBnRelu<2>, layer::Dropout, layer::Linear<3>>;
using Model = daf::Model<Dropping, daf::Cpu>;
using Descent = daf::Descent<Dropping, daf::Cpu>;
static_assert(!std::is_move_constructible_v<Descent> && !std::is_move_constructible_v<Model>);

/// Three steps, each with a mask of its own.
void train(Model& model, Descent& descent, std::uint64_t data_seed) {
    const TinyData<float> data(6, data_seed);
    for (int i = 0; i < 3; ++i) {
        daf_test::add_softmax_gradients(model, data);
        descent.step();
    }
}

template <class Span>
auto copy(Span span) {
    return std::vector<float>(span.begin(), span.end());
}

/// All that a checkpoint holds.
struct Everything {
    explicit Everything(Descent& of)
        : parameters(copy(of.parameters())),
          first(copy(of.moment(0))),
          updates(of.updates()),
          draws(of.draws()),
          rate(daf::learning_rate(of.optimizer())) {}
    bool operator==(const Everything&) const = default;

    std::vector<float> parameters, first;
    std::uint32_t updates, draws;
    double rate;
};

}  // namespace

TEST_CASE("a descent moves a model as a learner moves the same network, to the same bits") {
    daf::Cpu cpu(daf::Threads{2});
    daf_test::check_descent_beside_learner(cpu, daf::Adam{.weight_decay = 0.01});
    daf_test::check_descent_beside_learner(cpu, daf::Sgd{.weight_decay = 0.01});
}

TEST_CASE("gradients of several backward passes are one step, and a step leaves none") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Both, daf::Cpu> model(cpu, daf::max_batch(6), daf::Seed{5});
    daf::Descent descent(model, daf::Sgd{.learning_rate = 0.5, .momentum = 0});
    const TinyData<float> data(6);
    daf_test::add_softmax_gradients(model, data);
    const auto once = copy(model.gradients());
    daf_test::add_softmax_gradients(model, data);
    const auto twice = copy(model.gradients()), before = copy(model.parameters());
    for (std::size_t i = 0; i < once.size(); ++i)
        CHECK(twice[i] == doctest::Approx(2 * once[i]).epsilon(1e-4));
    constexpr auto trained = static_cast<std::size_t>(daf::parameter_segments<Both>.trained());
    auto want = before;
    for (std::size_t i = 0; i < trained; ++i) want[i] -= 0.5f * twice[i];
    descent.step();
    CHECK(copy(model.parameters()) == want);
    descent.step();
    CHECK(copy(model.parameters()) == want);
    CHECK(want != before);
}

TEST_CASE("a descent goes on from a checkpoint to the same bits as undisturbed, dropout's masks among them") {
    const daf_test::ScratchFolder folder;
    const auto file = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{2});
    Model undisturbed(cpu, daf::max_batch(6), daf::Seed{5});
    Descent descent(undisturbed);
    train(undisturbed, descent, 1);
    descent.set_learning_rate(5e-4);
    daf::save_checkpoint(file, std::as_const(descent), {"dropping", 7});
    train(undisturbed, descent, 2);

    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    Descent resumed(model);
    train(model, resumed, 9);  // whatever it held before
    train(model, resumed, 9);
    daf_test::add_softmax_gradients(model, TinyData<float>(6, 9));
    model.forward_train(TinyData<float>(6, 9).images());
    CHECK(daf::load_checkpoint(file, resumed, "dropping").epoch == 7);
    CHECK(daf::learning_rate(resumed.optimizer()) == 5e-4);
    train(model, resumed, 2);
    CHECK(Everything(resumed) == Everything(descent));
    CHECK(copy(resumed.moment(1)) == copy(descent.moment(1)));
}

TEST_CASE("a checkpoint that does not fit leaves the descent as it was; its parameters fit a model alone") {
    const daf_test::ScratchFolder folder;
    const auto file = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Model from(cpu, daf::max_batch(6), daf::Seed{5}), model(cpu, daf::max_batch(6), daf::Seed{6}),
        alone(cpu, daf::max_batch(6), daf::Seed{7});
    Descent saved(from), adam(model), sgd(model, daf::Sgd{});
    train(from, saved, 1);
    daf::save_checkpoint(file, saved, {"dropping"});
    train(model, adam, 2);
    for (Descent* other : {&adam, &sgd}) {  // another seed, another optimizer
        const Everything before(*other);
        CHECK_THROWS_AS(daf::load_checkpoint(file, *other, "dropping"), daf::MismatchError);
        CHECK_THROWS_AS(daf::load_checkpoint(file, *other, "something else"), daf::MismatchError);
        CHECK(Everything(*other) == before);
    }
    const auto moment = copy(adam.moment(0));
    daf::load_parameters(file, adam, "dropping");
    CHECK(copy(model.parameters()) == copy(from.parameters()));
    CHECK(copy(adam.moment(0)) == moment);
    daf::load_parameters(file, alone, "dropping");
    CHECK(copy(alone.parameters()) == copy(from.parameters()));
}

TEST_CASE("a loss that is not finite moves nothing, and its gradients are gone") {
    daf::Cpu cpu(daf::Threads{1});
    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    Descent descent(model);
    train(model, descent, 1);
    const auto before = copy(model.parameters()), moment = copy(descent.moment(0));
    constexpr auto trained = static_cast<std::ptrdiff_t>(daf::parameter_segments<Dropping>.trained());
    TinyData<float> bad(6);
    bad.pixels[70] = std::numeric_limits<float>::quiet_NaN();
    daf_test::add_softmax_gradients(model, bad);
    CHECK_FALSE(descent.step(std::numeric_limits<double>::infinity()));
    CHECK(std::equal(before.begin(), before.begin() + trained, model.parameters().begin()));
    CHECK(copy(descent.moment(0)) == moment);
    CHECK(descent.updates() == 3);
    daf_test::add_softmax_gradients(model, TinyData<float>(6));
    CHECK(descent.step(0.5));
    CHECK(descent.updates() == 4);
    CHECK(std::all_of(model.parameters().begin(), model.parameters().begin() + trained,
                      [](float value) { return std::isfinite(value); }));
}

TEST_CASE("a pass that was begun with other parameters is not gone back") {
    daf::Cpu cpu(daf::Threads{1});
    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    Descent descent(model);
    const TinyData<float> data(6);
    const std::vector<float> dy(6 * 3, 1.0f);
    model.forward_train(data.images());
    descent.step();
    CHECK_THROWS_WITH_AS(model.backward(data.images(), daf::batch_of<daf::Shape<3>>(dy)),
                         "Workspace: backward of 6 images, but the last training forward kept 0",
                         daf::ArgumentError);
}

TEST_CASE("the file counts the batches that running figures have seen, as PyTorch does") {
    const daf_test::ScratchFolder folder;
    const auto file = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    Descent descent(model);
    const TinyData<float> data(6);
    daf_test::add_softmax_gradients(model, data);
    daf_test::add_softmax_gradients(model, data);
    descent.step();
    daf::save_checkpoint(file, descent, {"dropping"});
    const auto saved = daf::open_checkpoint(file);
    CHECK(saved.values<std::int64_t>("1.num_batches_tracked", {})[0] == 2);
}

TEST_CASE("a descent names what cannot be, and a step allocates nothing") {
    daf::Cpu cpu(daf::Threads{2});
    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    CHECK_THROWS_AS((daf::Descent(model, daf::Adam{.beta1 = 1})), daf::ArgumentError);
    daf::Descent descent(model, daf::Sgd{});
    CHECK_THROWS_AS(descent.set_learning_rate(-1), daf::ArgumentError);
    CHECK_THROWS_WITH_AS(descent.moment(1), "Descent: moment 1: the optimizer has 1", daf::ArgumentError);
    descent.step();
    const long before = daf_test::allocations();
    descent.step();
    CHECK(daf_test::allocations() == before);
}
