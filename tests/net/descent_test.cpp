#include <doctest/doctest.h>

#include <daf/daf.hpp>

#include "support/allocations.hpp"
#include "support/own_loss.hpp"
#include "support/scratch_folder.hpp"

namespace {

namespace layer = daf::layer;
using daf_test::TinyData;
using Dropping = daf::Sequence<daf::Shape<8, 8, 1>, layer::Dropout, layer::Linear<3>>;
using Model = daf::Model<Dropping, daf::Cpu>;

/// Three steps, each with a mask of its own.
template <class M>
void train(M& model, daf::Descent<M>& descent, std::uint64_t data_seed) {
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

}  // namespace

TEST_CASE("a descent moves a model as a learner moves the same network, to the same bits") {
    daf::Cpu cpu(daf::Threads{2});
    daf_test::check_descent_beside_learner(cpu, daf::Adam{.weight_decay = 0.01});
    daf_test::check_descent_beside_learner(cpu, daf::Sgd{.weight_decay = 0.01});
}

TEST_CASE("gradients of several backward passes are one step, and a step leaves none") {
    daf::Cpu cpu(daf::Threads{1});
    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    daf::Descent descent(model, daf::Sgd{.learning_rate = 0.5, .momentum = 0});
    const TinyData<float> data(6);
    daf_test::add_softmax_gradients(model, data);
    daf_test::add_softmax_gradients(model, data);
    const auto gradients = copy(model.gradients()), before = copy(model.parameters());
    descent.step();
    auto want = before;
    for (std::size_t i = 0; i < gradients.size(); ++i) want[i] -= 0.5f * gradients[i];
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
    daf::Descent descent(undisturbed);
    train(undisturbed, descent, 1);
    descent.set_learning_rate(5e-4);
    daf::save_checkpoint(file, std::as_const(descent), {"dropping", 7});
    train(undisturbed, descent, 2);

    Model model(cpu, daf::max_batch(6), daf::Seed{5});
    daf::Descent resumed(model);
    train(model, resumed, 9);  // whatever it held before
    train(model, resumed, 9);
    CHECK(daf::load_checkpoint(file, resumed, "dropping").epoch == 7);
    CHECK(daf::learning_rate(resumed.optimizer()) == 5e-4);
    train(model, resumed, 2);
    CHECK(copy(model.parameters()) == copy(undisturbed.parameters()));
    CHECK(copy(resumed.moment(0)) == copy(descent.moment(0)));
    CHECK(copy(resumed.moment(1)) == copy(descent.moment(1)));

    // The same file gives a model alone its parameters, and no other kind of optimizer its moments.
    Model alone(cpu, daf::max_batch(6), daf::Seed{6});
    daf::load_parameters(file, alone, "dropping");
    CHECK(copy(alone.parameters()) != copy(model.parameters()));  // those of three steps before
    daf::Descent other(model, daf::Sgd{});
    const auto before = copy(model.parameters());
    CHECK_THROWS_AS(daf::load_checkpoint(file, other, "dropping"), daf::MismatchError);
    CHECK(copy(model.parameters()) == before);
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
