#include <doctest/doctest.h>

#include <daf/daf.hpp>
#include <limits>
#include <thread>

#include "support/allocations.hpp"
#include "support/refused_steps.hpp"
#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"
#include "support/workbench.hpp"

using daf_test::TinyData;
using daf_test::TinyNetwork;

namespace {

template <class T>
std::vector<T> parameters_after(int threads, int steps, TinyNetwork net = {},
                                daf::JointObjective objective = {}, daf::Optimizer optimizer = daf::Adam{}) {
    daf::Cpu cpu(daf::Threads{threads});
    daf::Learner<TinyNetwork, daf::Cpu, T> learner(cpu, daf::max_batch(18), daf::Seed{5}, net, objective,
                                                   optimizer);
    const TinyData<T> data(18);
    for (int i = 0; i < steps; ++i) learner.step(data.images(), data.classes());
    return {learner.parameters().begin(), learner.parameters().end()};
}

template <class B>
std::vector<float> values_of(const B& batch) {
    return {batch.data(), batch.data() + batch.size()};
}

}  // namespace

TEST_CASE("a learner learns") {
    daf::Cpu cpu(daf::Threads{2});
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(64), daf::Seed{5}, {}, {},
                                                daf::Adam{.learning_rate = 0.01});
    const TinyData<float> data(64), unseen(64, 2);
    const daf::StepResult first = learner.step(data.images(), data.classes());
    CHECK(first.count == 64);
    CHECK(first.loss == doctest::Approx(0.007 * first.metric + first.softmax));
    daf::StepResult last;
    for (int i = 0; i < 150; ++i) last = learner.step(data.images(), data.classes());
    CHECK(last.loss < first.loss / 3);
    const auto outputs = learner.evaluate(unseen.images());
    int correct = 0;
    for (daf::Index i = 0; i < 64; ++i) {
        correct += daf::largest_of(outputs.logits[i].data(), 3) == unseen.labels[static_cast<std::size_t>(i)];
    }
    CHECK(correct >= 62);
}

TEST_CASE("centres start as N(0, 0.01), by their standard deviation") {
    using Wide = daf::Network<daf::Sequence<daf::Shape<2>, daf::layer::Linear<512>>,
                              daf::Sequence<daf::Shape<512>, daf::layer::Linear<7>>,
                              daf::TripletCentreLoss<daf::Shape<512>, 7>>;
    daf::Cpu cpu(daf::Threads{1});
    const daf::Learner<Wide, daf::Cpu, double> learner(cpu, daf::max_batch(1), daf::Seed{5});
    const auto centres = learner.centres();
    double mean = 0, square = 0;
    for (daf::Index i = 0; i < centres.size(); ++i) {
        mean += centres[i] / static_cast<double>(centres.size());
        square += centres[i] * centres[i] / static_cast<double>(centres.size());
    }
    CHECK(std::abs(mean) < 0.0005);
    CHECK(std::sqrt(square) == doctest::Approx(0.01).epsilon(0.03));
}

TEST_CASE("50 training steps give the same bits at 1, 2, 3, 4 and 8 threads") {
    const auto one = parameters_after<float>(1, 50);
    for (const int threads : {2, 3, 4, 8}) CHECK(parameters_after<float>(threads, 50) == one);
}

TEST_CASE("two learners train at the same time, each with threads of its own, to the bits of one alone") {
    const auto alone = parameters_after<float>(1, 20);
    std::vector<float> beside;
    std::thread other([&] { beside = parameters_after<float>(2, 20); });
    const auto here = parameters_after<float>(3, 20);
    other.join();
    CHECK(here == alone);
    CHECK(beside == alone);
}

TEST_CASE("a learner that is made allocates nothing, whatever the batches, and states its memory") {
    using Tiny = daf::Learner<TinyNetwork, daf::Cpu>;
    constexpr daf::Index largest = 228, needs_more = 193;  // 228 images are cut into two blocks, 193 into one
    daf::Cpu cpu(daf::Threads{2});
    Tiny learner(cpu, daf::max_batch(largest), daf::Seed{5});
    const TinyData<float> data(largest);
    const long before = daf_test::allocations();
    for (const daf::Index count : {largest, needs_more, daf::Index{18}, daf::Index{2}}) {
        const auto images = data.images().slice(0, count);
        learner.step(images, {data.classes().data(), count});
        learner.evaluate(images);
    }
    CHECK(daf_test::allocations() == before);

    CHECK(cpu.arena().capacity() == Tiny::scratch_bytes(cpu, largest));
    using Trunk = daf::Workspace<daf_test::TinyTrunk, float, daf::Cpu, daf::train>;
    CHECK(Tiny::scratch_bytes(cpu, largest) == Trunk::scratch_bytes(cpu, needs_more));
    CHECK(Tiny::scratch_bytes(cpu, largest) > Trunk::scratch_bytes(cpu, largest));
    CHECK(Tiny::bytes(18, daf::Adam{}) > 4 * 4 * daf::parameter_segments<TinyNetwork>.trained());
}

TEST_CASE("a figure that an operator cannot have is refused before anything runs") {
    daf::Cpu cpu(daf::Threads{1});
    TinyNetwork net;
    daf::get<0>(net.head.operators).rate = 1;
    CHECK_THROWS_WITH_AS((daf::Learner<TinyNetwork, daf::Cpu>(cpu, daf::max_batch(4), daf::Seed{5}, net)),
                         doctest::Contains("dropout: rate must be in [0, 1)"), daf::ArgumentError);
    CHECK_THROWS_AS(
        (daf::Model<daf_test::TinyHead, daf::Cpu>(cpu, daf::max_batch(4), daf::Seed{5}, net.head)),
        daf::ArgumentError);

    const double nan = std::numeric_limits<double>::quiet_NaN();
    TinyNetwork no_margin;
    no_margin.metric.margin = nan;
    CHECK_THROWS_WITH_AS(
        (daf::Learner<TinyNetwork, daf::Cpu>(cpu, daf::max_batch(4), daf::Seed{5}, no_margin)),
        "triplet_centre_loss: margin must be a finite number, but is nan", daf::ArgumentError);
    const auto refused = [&](const daf::JointObjective& objective, const daf::Optimizer& optimizer) {
        return daf_test::message_of<daf::ArgumentError>([&] {
            daf::Learner<TinyNetwork, daf::Cpu>(cpu, daf::max_batch(4), daf::Seed{5}, {}, objective,
                                                optimizer);
        });
    };
    CHECK(refused({.centre_rate = nan}, daf::Adam{}) ==
          "JointObjective: centre_rate must be a finite number from 0 on, but is nan");
    CHECK(refused({.lambda = -1}, daf::Adam{}).starts_with("JointObjective: lambda"));
    CHECK(refused({}, daf::Adam{.beta1 = 1}) == "Adam: beta1 must be in [0, 1), but is 1");
    CHECK(refused({}, daf::Adam{.epsilon = -1}).starts_with("Adam: epsilon"));
    CHECK(refused({}, daf::Sgd{.momentum = 1}).starts_with("Sgd: momentum"));
    CHECK(refused({}, daf::Sgd{.learning_rate = nan}).starts_with("Sgd: learning_rate"));
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(4), daf::Seed{5});
    CHECK_THROWS_AS(learner.set_learning_rate(nan), daf::ArgumentError);
    CHECK(daf::learning_rate(learner.optimizer()) == daf::Adam{}.learning_rate);
}

TEST_CASE("a const learner shows its centres, and does not let them be written") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(4), daf::Seed{5});
    learner.centres()[0] = 7;
    const auto& looked_at = learner;
    CHECK(looked_at.centres()[0] == 7);
    using Element = std::remove_reference_t<decltype(looked_at.centres()[0])>;
    static_assert(std::is_same_v<Element, const float>);
}

TEST_CASE("queued steps are single steps whose figures are asked for later") {
    daf::Cpu cpu(daf::Threads{2});
    using Tiny = daf::Learner<TinyNetwork, daf::Cpu>;
    Tiny single(cpu, daf::max_batch(18), daf::Seed{5}), queued(cpu, daf::max_batch(18), daf::Seed{5});
    const auto figures = [](const daf::StepResult& step) {
        return std::vector<double>{step.loss,
                                   step.softmax,
                                   step.metric,
                                   static_cast<double>(step.active),
                                   static_cast<double>(step.correct),
                                   static_cast<double>(step.count)};
    };
    std::vector<std::vector<double>> want, got;
    for (int i = 0; i < 4; ++i) {
        const TinyData<float> data(18 - i, static_cast<std::uint64_t>(i));
        want.push_back(figures(single.step(data.images(), data.classes())));
        queued.queue_step(data.images(), data.classes());
        if (i > 0) got.push_back(figures(queued.finish_step()));
    }
    const TinyData<float> data(4);
    CHECK(queued.unfinished_steps() == 1);
    CHECK_THROWS_WITH_AS(queued.step(data.images(), data.classes()),
                         "Learner: step: 1 queued steps are not finished: call finish_step() first",
                         daf::Error);
    got.push_back(figures(queued.finish_step()));
    CHECK(got == want);
    CHECK(std::ranges::equal(queued.parameters(), single.parameters()));
    CHECK_THROWS_WITH_AS(queued.finish_step(), "Learner: finish_step: no step is queued", daf::Error);
    queued.queue_step(data.images(), data.classes());
    queued.queue_step(data.images(), data.classes());
    CHECK_THROWS_WITH_AS(queued.queue_step(data.images(), data.classes()),
                         "Learner: queue_step: 2 queued steps are not finished: call finish_step() first",
                         daf::Error);
}

TEST_CASE("every figure of the objective acts") {
    const auto plain = parameters_after<double>(1, 5);
    CHECK(parameters_after<double>(1, 5) == plain);
    TinyNetwork net;
    net.metric.margin = 0;  // most samples are inactive then
    CHECK(parameters_after<double>(1, 5, net) != plain);
    net = {};
    net.metric.centre_update = daf::CentreUpdate::exact_gradient;
    CHECK(parameters_after<double>(1, 5, net) != plain);
    net = {};
    daf::get<4>(net.trunk.operators).rate = 0.25;
    CHECK(parameters_after<double>(1, 5, net) != plain);
    CHECK(parameters_after<double>(1, 5, {}, {.lambda = 0.1}) != plain);
    CHECK(parameters_after<double>(1, 5, {}, {.metric_reduction = daf::Reduction::mean}) != plain);
    CHECK(parameters_after<double>(1, 5, {}, {.centre_rate = 0.5}) != plain);
    CHECK(parameters_after<double>(1, 5, {}, {.softmax_weight = 0.5}) != plain);
    CHECK(parameters_after<double>(1, 5, {}, {}, daf::Sgd{}) != plain);
}

TEST_CASE("without softmax the head stays, and the trunk follows the metric loss alone") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(18), daf::Seed{5}, {},
                                                {.softmax_weight = 0});
    const TinyData<float> data(18);
    const auto weights_of = [&](auto i) {
        const auto view = learner.parameters_of<i>().weight;
        return std::vector<float>(view.data(), view.data() + view.size());
    };
    constexpr std::integral_constant<std::size_t, TinyNetwork::head_begin + 1> fc2;
    constexpr std::integral_constant<std::size_t, 5> fc1;
    const auto head = weights_of(fc2), trunk = weights_of(fc1);
    // Every embedding is nearest to class 1's centre.
    const auto centres = learner.centres();
    for (daf::Index i = 0; i < centres.size(); ++i)
        centres[i] = i / TinyNetwork::Embedding::size == 1 ? 0.0f : 1e3f;
    const daf::StepResult result = learner.step(data.images(), data.classes());
    CHECK(result.correct == std::count(data.labels.begin(), data.labels.end(), 1));
    CHECK(result.loss == 0.007 * result.metric);
    CHECK(weights_of(fc2) == head);
    CHECK(weights_of(fc1) != trunk);
}

TEST_CASE("the first operator that puts out a number which is not finite is found") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    daf::Cpu cpu(daf::Threads{1});
    const auto found = [&](const auto& plant) {
        daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(18), daf::Seed{5});
        TinyData<float> data(18);
        plant(learner, data);
        const auto weights = [&] { return values_of(learner.template parameters_of<0>().weight); };
        const auto before = weights();
        const bool finite = std::isfinite(learner.step(data.images(), data.classes()).loss);
        CHECK((weights() == before) == !finite);
        const daf::Index place = learner.first_not_finite(data.images());
        CHECK(daf::first_not_finite_evaluating(learner, data.images()) == place);
        return place;
    };
    CHECK(found([&](auto&, auto& data) { data.pixels[70] = nan; }) == -1);
    CHECK(found([&](auto& learner, auto&) { learner.template parameters_of<2>().weight[3] = nan; }) == 2);
    CHECK(found([&](auto& learner, auto&) { learner.template parameters_of<8>().bias[1] = nan; }) == 8);
    constexpr auto losses = static_cast<daf::Index>(TinyNetwork::metric_at);
    CHECK(found([&](auto& learner, auto&) { learner.centres()[0] = nan; }) == losses);
    CHECK(found([](auto&, auto&) {}) == losses);
}

TEST_CASE("Eq 13: the gradient of the whole objective is that of finite differences") {
    // No dropout; the gradient by the trunk's and the head's parameters and, by choice, the centres'.
    TinyNetwork net;
    daf::get<4>(net.trunk.operators).rate = 0;
    daf::get<0>(net.head.operators).rate = 0;
    net.metric.centre_update = daf::CentreUpdate::exact_gradient;
    net.metric.margin = 2;
    const daf::JointObjective objective{.lambda = 0.3};
    daf::Cpu cpu(daf::Threads{2});
    // A rate of zero: steps measure and change nothing but running statistics, which training does not read.
    daf::Learner<TinyNetwork, daf::Cpu, double> learner(cpu, daf::max_batch(10), daf::Seed{5}, net, objective,
                                                        daf::Sgd{.learning_rate = 0});
    const TinyData<double> data(10);
    const daf::StepResult at = learner.step(data.images(), data.classes());
    CHECK(at.active > 0);
    const std::vector<double> gradients(learner.gradients().begin(), learner.gradients().end());
    const auto trained = static_cast<std::size_t>(daf::parameter_segments<TinyNetwork>.trained());
    for (std::size_t i = 0; i < trained; i += 7) {
        double& p = learner.parameters()[i];
        const double kept = p, step = 1e-6;
        p = kept + step;
        const double above = learner.step(data.images(), data.classes()).loss;
        p = kept - step;
        const double below = learner.step(data.images(), data.classes()).loss;
        p = kept;
        INFO("parameter ", i);
        CHECK(gradients[i] == doctest::Approx((above - below) / (2 * step)).epsilon(1e-5).scale(0.01));
    }
}

TEST_CASE("a step with an impossible label or batch changes nothing") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(8), daf::Seed{5});
    const std::vector<float> before(learner.parameters().begin(), learner.parameters().end());
    TinyData<float> data(8);
    data.labels[5] = 3;
    CHECK_THROWS_WITH_AS(learner.step(data.images(), data.classes()),
                         "softmax_cross_entropy: label 3 of sample 5 is not a class: expected 0 to 2",
                         daf::ArgumentError);
    const TinyData<float> large(9);
    CHECK_THROWS_AS(learner.step(large.images(), large.classes()), daf::ArgumentError);
    CHECK(std::vector<float>(learner.parameters().begin(), learner.parameters().end()) == before);
    CHECK(learner.draws() == 0);
}

TEST_CASE(
    "a step on too few images for a variance changes nothing, whatever comes before the operator that wants "
    "it") {
    using daf::Shape;
    namespace layer = daf::layer;
    using Trunk = daf::Sequence<Shape<8, 8, 1>, layer::ConvBnRelu<4>, layer::Linear<6>, layer::BatchNorm>;
    using Head = daf::Sequence<Shape<6>, layer::Linear<3>, layer::BatchNorm>;
    daf::Cpu cpu(daf::Threads{1});
    const TinyData<float> data(3);
    const auto check = [&](auto& learner) {
        learner.step(data.images(), data.classes());
        const auto all = [&] {
            std::vector<float> values(learner.parameters().begin(), learner.parameters().end());
            values.insert(values.end(), learner.gradients().begin(), learner.gradients().end());
            return values;
        };
        const std::vector<float> before = all();
        CHECK_THROWS_WITH_AS(learner.step(data.images().slice(0, 1), data.classes().slice(0, 1)),
                             "batch_norm: training needs at least 2 images, got 1: give it more",
                             daf::ArgumentError);
        CHECK(all() == before);
        CHECK(learner.draws() == 1);
    };
    daf::Learner<daf::Network<Trunk, daf::Sequence<Shape<6>, layer::Linear<3>>>, daf::Cpu> in_trunk(
        cpu, daf::max_batch(3), daf::Seed{5});
    check(in_trunk);
    daf::Learner<daf::Network<daf::Sequence<Shape<8, 8, 1>, layer::Linear<6>>, Head>, daf::Cpu> in_head(
        cpu, daf::max_batch(3), daf::Seed{5});
    check(in_head);
}

TEST_CASE("a network without a metric loss learns as one whose metric loss weighs nothing") {
    using Classifier = daf::Network<daf_test::TinyTrunk, daf_test::TinyHead>;
    static_assert(daf::parameter_count<Classifier> ==
                  daf::parameter_count<daf_test::TinyTrunk> + daf::parameter_count<daf_test::TinyHead>);
    CHECK(daf::operator_names<Classifier>().size() == Classifier::Operators::size);
    const TinyData<float> data(18);
    const auto check = [&](auto& ctx) {
        using Backend = std::remove_reference_t<decltype(ctx)>;
        daf::Learner<Classifier, Backend> plain(ctx, daf::max_batch(18), daf::Seed{5});
        daf::Learner<TinyNetwork, Backend> weightless(ctx, daf::max_batch(18), daf::Seed{5}, {},
                                                      {.lambda = 0});
        for (int i = 0; i < 5; ++i) {
            const daf::StepResult got = plain.step(data.images(), data.classes());
            const daf::StepResult want = weightless.step(data.images(), data.classes());
            CHECK(got.softmax == want.softmax);
            CHECK(got.loss == got.softmax);
            CHECK(got.correct == want.correct);
            CHECK(got.metric == 0);
            CHECK(got.active == 0);
        }
        CHECK(values_of(plain.evaluate(data.images()).logits) ==
              values_of(weightless.evaluate(data.images()).logits));
        CHECK(plain.first_not_finite(data.images()) == static_cast<daf::Index>(Classifier::metric_at));
    };
    daf::Cpu cpu(daf::Threads{2});
    check(cpu);
    daf::Reference reference;
    check(reference);
    using Learner = daf::Learner<Classifier, daf::Cpu>;
    CHECK_THROWS_WITH_AS(Learner(cpu, daf::max_batch(1), daf::Seed{5}, {}, {.softmax_weight = 0}),
                         "Learner: softmax_weight is 0, and there is no metric loss to learn from",
                         daf::ArgumentError);
}

TEST_CASE("an optimizer has the moments that it has, and no other") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Learner<TinyNetwork, daf::Cpu> learner(cpu, daf::max_batch(1), daf::Seed{5}, {}, {}, daf::Sgd{});
    CHECK(learner.moment(0).size() ==
          static_cast<std::size_t>(daf::parameter_segments<TinyNetwork>.trained()));
    for (const daf::Index which : {-1, 1}) {
        CHECK_THROWS_WITH_AS(learner.moment(which),
                             ("Learner: moment " + std::to_string(which) + ": the optimizer has 1").c_str(),
                             daf::ArgumentError);
    }
}

TEST_CASE("ranks that share a batch draw the masks of the whole batch") {
    // Half the batch, told where it stands, draws what the whole one draws there.
    using Dropping = daf::Dropout<daf::Shape<40>>;
    daf::Cpu cpu(daf::Threads{1});
    const std::uint32_t step = 3;
    std::vector<float> x(4 * 40, 1.0f), whole(x), half(2 * 40);
    using daf::batch_of;
    using S = daf::Shape<40>;
    daf::forward<daf::train>(cpu, Dropping{}, batch_of<S>(x), batch_of<S>(whole), daf::Nothing{},
                             daf::Nothing{}, daf::Draw{daf::Seed{1}, &step, 2, 0});
    daf::forward<daf::train>(cpu, Dropping{}, batch_of<S>(x).slice(2, 2), batch_of<S>(half), daf::Nothing{},
                             daf::Nothing{}, daf::Draw{daf::Seed{1}, &step, 2, 2});
    CHECK(std::equal(half.begin(), half.end(), whole.begin() + 80));
}

TEST_CASE(
    "a step behind one whose loss is not finite leaves the weights alone too, until the host has been given "
    "that "
    "loss") {
    daf::Cpu cpu(daf::Threads{2});
    daf_test::check_refused_steps(cpu);
    daf::Reference reference;
    daf_test::check_refused_steps(reference);
}
