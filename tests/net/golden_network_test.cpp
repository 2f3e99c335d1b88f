// A whole DAF-CNN against PyTorch in double: forward, backward, and training step by step
// (tests/golden/make_goldens.py).
#include <algorithm>
#include <string>
#include <vector>

#include <daf/daf.hpp>

#include "golden/golden.hpp"

namespace {

namespace layer = daf::layer;
using daf::CentreUpdate;
using daf::Index;
using daf::Shape;
using daf_test::check_golden;
using daf_test::Golden;

using Image = Shape<48, 48, 1>;
template <Index Features>
using Conv = layer::ConvBnRelu<Features>;
using Pool = layer::MaxPool<2>;
// The paper's network without its dropout, narrow.
using Trunk = daf::Sequence<Image,                                         //
                            Conv<4>, Conv<4>, Conv<4>, Pool,               // block 1
                            Conv<8>, Conv<8>, Conv<8>, Pool,               // block 2
                            Conv<8>, Conv<8>, Conv<8>, Conv<8>, Pool,      // block 3
                            Conv<16>, Conv<16>, Conv<16>, Conv<16>, Pool,  // block 4
                            Conv<16>, Conv<16>, Conv<16>, Conv<16>,        // block 5
                            layer::Named<"attention", layer::DualAttention<8, 7>>,
                            layer::Named<"fc1", layer::Linear<16>>, layer::Relu>;
using Head = daf::Sequence<Shape<16>, layer::Named<"fc2", layer::Linear<7>>>;
using Metric = daf::TripletCentreLoss<Shape<16>, 7>;
using Net = daf::Network<Trunk, Head, Metric>;
template <class Backend, class T = double>
using Learner = daf::Learner<Net, Backend, T>;

const Golden& network_file() {
    static const Golden file("network");
    return file;
}
const Golden& training_file() {
    static const Golden file("training");
    return file;
}

template <class T = double>
std::vector<T> images_of(const Golden& file) {
    std::vector<T> images;
    for (const double pixel : file.batch<Image>("images")) images.push_back(static_cast<T>(pixel / 255));
    return images;
}

/// A learner that starts where PyTorch's network does.
template <class T = double, class Backend>
Learner<Backend, T> learner_from(Backend& ctx, Index batch, const Golden& settings, CentreUpdate update,
                                 const daf::JointObjective& objective, const daf::Optimizer& optimizer) {
    Net net;
    net.metric.margin = settings.number("margin");
    net.metric.centre_update = update;
    Learner<Backend, T> learner(ctx, daf::max_batch(batch), daf::Seed{1}, net, objective, optimizer);
    auto bound = daf::bind_all_parameters<Net>(learner.parameters().data());
    daf::for_each_parameter(
        daf::operator_names<Net>(), bound, [](const std::string& name, const auto& field, auto& view) {
            const std::vector<double> start = network_file().like("state/" + name, field, view);
            std::ranges::transform(start, view.data(), [](double value) { return static_cast<T>(value); });
        });
    return learner;
}

/// Every parameter and statistic of a slab that `wanted(field)`, against file/prefix/NAME.
template <class Bound, class Wanted>
void check_tensors(const Golden& file, const std::string& prefix, Bound bound, double tolerance,
                   Wanted wanted) {
    daf::for_each_parameter(daf::operator_names<Net>(), bound,
                            [&](const std::string& name, const auto& field, auto& view) {
                                if (!wanted(field.role)) return;
                                check_golden(name, view, file.like(prefix + name, field, view), tolerance);
                            });
}

bool is_state(daf::Role role) {
    return role == daf::Role::state;
}
bool is_trained(daf::Role role) {
    return role == daf::Role::decayed || role == daf::Role::undecayed;
}
bool is_any(daf::Role) {
    return true;
}

/// How every trained parameter has moved since the network's file.
template <class Bound>
void check_movements(const Golden& file, const std::string& prefix, Bound bound, double tolerance) {
    daf::for_each_parameter(
        daf::operator_names<Net>(), bound, [&](const std::string& name, const auto& field, auto& view) {
            if (!is_trained(field.role)) return;
            const std::vector<double> start = network_file().like("state/" + name, field, view);
            std::vector<double> want = file.like(prefix + name, field, view), got(want.size());
            for (std::size_t i = 0; i < want.size(); ++i) {
                got[i] = static_cast<double>(view.data()[i]) - start[i];
                want[i] -= start[i];
            }
            check_golden(name, got, want, tolerance);
        });
}

/// Outputs and gradients of one batch.
template <class Backend>
void check_network(Backend& ctx) {
    const Golden& golden = network_file();
    const std::vector<double> images = images_of(golden);
    const std::vector<std::int32_t> labels = golden.integers("labels");
    const auto x = daf::batch_of<Image>(images);
    const double lambda = golden.number("lambda");
    auto learner =
        learner_from(ctx, x.count(), golden, CentreUpdate::exact_gradient, {.lambda = lambda}, daf::Adam{});

    const auto evaluated = learner.evaluate(x);
    check_golden("eval/e", evaluated.embeddings, golden.numbers("eval/e"));
    check_golden("eval/logits", evaluated.logits, golden.numbers("eval/logits"));

    // The trunk and the head by themselves, on a copy of the parameters: what a step does not show.
    std::vector<double> parameters(learner.parameters().begin(), learner.parameters().end());
    std::vector<double> gradients(daf::gradient_count<Net>);
    const auto bound = daf::bind_all_parameters<Net>(parameters.data());
    const auto trunk_parameters = daf::part_of_tuple<0, Trunk::length>(bound);
    const auto trunk_gradients =
        daf::part_of_tuple<0, Trunk::length>(daf::bind_all_gradients<Net>(gradients.data()));
    daf::Workspace<Trunk, double, Backend, daf::train> trunk(ctx, x.count());
    daf::Workspace<Head, double, Backend, daf::train> head(ctx, x.count());
    const auto e = trunk.forward(ctx, {}, trunk_parameters, x);
    check_golden("train/e", e, golden.numbers("train/e"));
    const auto logits = head.forward(ctx, {}, daf::part_of_tuple<Net::head_begin, Head::length>(bound), e);
    check_golden("train/logits", logits, golden.numbers("train/logits"));
    const std::vector<double> de = golden.numbers("train/de");
    std::vector<double> dx(images.size());
    trunk.backward(ctx, {}, trunk_parameters, trunk_gradients, x, daf::batch_of<Shape<16>>(de),
                   daf::overwrite(daf::batch_of<Image>(dx)));
    check_golden("train/dx", dx, golden.batch<Image>("train/dx"));

    const daf::StepResult result = learner.step(x, daf::labels_of(labels));
    CHECK(result.loss == doctest::Approx(golden.number("train/loss")).epsilon(1e-10));
    CHECK(result.softmax == doctest::Approx(golden.number("train/softmax")).epsilon(1e-10));
    CHECK(result.metric == doctest::Approx(golden.number("train/tc")).epsilon(1e-10));
    CHECK(static_cast<double>(result.active) == golden.number("train/active"));
    std::ranges::copy(learner.gradients(), gradients.data());
    check_tensors(golden, "gradient/", daf::bind_all_gradients<Net>(gradients.data()), 1e-10, is_trained);
    check_tensors(golden, "after/", daf::bind_all_parameters<Net>(learner.parameters().data()), 1e-10,
                  is_state);
}

/// How far a run may part from PyTorch's in double: each loss of a step and its count of active samples, and
/// each tensor where it ends; or by what share of their largest movement the trained ones may miss their way
/// there.
struct Apart {
    double losses, tensors, active = 0, movements = 0;
};
double apart(double loss, double want) {
    return std::abs(loss - want) / std::max(1.0, std::abs(want));
}

/// A run of steps: every loss, and where it ends.
template <class T = double, class Backend>
void check_training(Backend& ctx, const std::string& run, CentreUpdate update,
                    const daf::Optimizer& optimizer, Apart most = {1e-8, 1e-8}) {
    constexpr Index batch = 8;
    const Golden& golden = training_file();
    const std::vector<T> images = images_of<T>(golden);
    const std::vector<std::int32_t> labels = golden.integers("labels");
    const std::vector<std::int32_t> chosen = golden.integers("batches");
    const std::vector<double> losses = golden.numbers(run + "/losses");
    const std::vector<double> active = golden.numbers(run + "/active");

    auto learner = learner_from<T>(ctx, batch, golden, update,
                                   {.lambda = golden.number("lambda"), .centre_rate = golden.number("alpha")},
                                   optimizer);
    std::ranges::transform(golden.numbers("centres"), learner.centres().data(),
                           [](double value) { return static_cast<T>(value); });

    std::vector<T> x(batch * Image::size);
    std::vector<std::int32_t> y(batch);
    for (std::size_t step = 0; step < active.size(); ++step) {
        for (std::size_t i = 0; i < batch; ++i) {
            const Index image = chosen[step * batch + i];
            std::copy_n(images.data() + image * Image::size, Image::size,
                        x.data() + static_cast<Index>(i) * Image::size);
            y[i] = labels[static_cast<std::size_t>(image)];
        }
        const daf::StepResult result = learner.step(daf::batch_of<Image>(x), daf::labels_of(y));
        INFO("step ", step);
        CHECK(apart(result.loss, losses[3 * step]) <= most.losses);
        CHECK(apart(result.softmax, losses[3 * step + 1]) <= most.losses);
        CHECK(apart(result.metric, losses[3 * step + 2]) <= most.losses);
        CHECK(std::abs(static_cast<double>(result.active) - active[step]) <= most.active);
    }
    const auto bound = daf::bind_all_parameters<Net>(learner.parameters().data());
    if (most.movements == 0) return check_tensors(golden, run + "/final/", bound, most.tensors, is_any);
    check_tensors(golden, run + "/final/", bound, most.tensors, is_state);
    check_movements(golden, run + "/final/", bound, most.movements);
}

}  // namespace

TEST_CASE("golden: the whole network, forward and backward") {
    SUBCASE("Reference") {
        daf::Reference reference;
        check_network(reference);
    }
    SUBCASE("Cpu") {
        daf::Cpu cpu(daf::Threads{2});
        check_network(cpu);
    }
}

TEST_CASE("golden: 50 steps of training with Adam, centres by Eq 12") {
    daf::Cpu cpu(daf::Threads{2});
    check_training(cpu, "adam", CentreUpdate::equation_12, daf::Adam{.learning_rate = 1e-3});
}

// Seen: losses 0.6 % apart at most, statistics and centres 0.3 %, movements 0.17 of their largest. This
// network amplifies rounding: at a rate of 1e-3 PyTorch's own float parts from its double by up to 1.1 in the
// loss.
TEST_CASE("golden: 50 steps of training in float stay beside PyTorch in double, whatever the convolution") {
    for (const auto convolution :
         {daf::Convolution::direct, daf::Convolution::winograd, daf::Convolution::automatic}) {
        daf::Cpu cpu(daf::Threads{2});
        cpu.set_convolution(convolution);
        check_training<float>(cpu, "slow_adam", CentreUpdate::equation_12, daf::Adam{.learning_rate = 1e-5},
                              {.losses = 0.03, .tensors = 0.03, .active = 1, .movements = 0.4});
    }
}

TEST_CASE("golden: 10 steps with SGD, Nesterov momentum and weight decay, centres by their gradient") {
    const daf::Sgd sgd{.learning_rate = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true};
    SUBCASE("Reference") {
        daf::Reference reference;
        check_training(reference, "sgd", CentreUpdate::exact_gradient, sgd);
    }
    SUBCASE("Cpu") {
        daf::Cpu cpu(daf::Threads{2});
        check_training(cpu, "sgd", CentreUpdate::exact_gradient, sgd);
    }
}
