// Steps of a Learner whose gradients somebody changes before they move anything; metric losses of one's own.
#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <daf/daf.hpp>
#include <memory>
#include <thread>

#include "support/noise.hpp"
#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"

using daf::Index;
using daf_test::TinyData;
using daf_test::TinyNetwork;
namespace layer = daf::layer;

namespace {

/// No normalisation, so that a batch in parts is the batch; dropout, whose masks are of the whole batch.
using Trunk = daf::Sequence<daf::Shape<8, 8, 1>, layer::Flatten, layer::Linear<12>, layer::Relu,
                            layer::Dropout, layer::Linear<6>>;
using Net = daf::Network<Trunk, daf_test::TinyHead, daf::TripletCentreLoss<daf::Shape<6>, 3>>;
using Learner = daf::Learner<Net, daf::Cpu, double>;

constexpr daf::JointObjective objective{
    .lambda = 0.1, .metric_reduction = daf::Reduction::mean, .centre_rate = 0.5};

/// Half the squared length of an embedding: a metric loss without centres.
struct Length {
    struct Header {
        static constexpr const char* name = "length";
    };
    using Input = daf::Shape<6>;
    using Output = daf::Shape<1>;
    static constexpr Index classes = 3;
    static constexpr bool backward_reads_x = true, backward_reads_y = false;
};

}  // namespace

template <>
struct daf::Kernel<Length, daf::Cpu> {
    template <Mode M, class T, class Space>
    static void forward(Cpu&, const ForwardCall<Length, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            call.y[n][0] = 0;
            for (Index i = 0; i < 6; ++i) call.y[n][0] += call.x[n][i] * call.x[n][i] / 2;
        }
    }
    template <class T, class Space>
    static void backward(Cpu&, const BackwardCall<Length, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index i = 0; i < 6; ++i) {
                T& dx = call.dx.batch[n][i];
                dx = (call.dx.accumulates() ? dx : T(0)) + call.dy[n][0] * call.x[n][i];
            }
        }
    }
};

TEST_CASE("gradients may be changed before they move anything") {
    daf::Cpu cpu(daf::Threads{2});
    const TinyData<float> data(6);
    daf::Learner<TinyNetwork, daf::Cpu> plain(cpu, daf::max_batch(6), daf::Seed{5}, {}, {}, daf::Sgd{}),
        changed(cpu, daf::max_batch(6), daf::Seed{5}, {}, {}, daf::Sgd{});
    const std::vector<float> before(changed.parameters().begin(), changed.parameters().end());
    plain.step(data.images(), data.classes());

    std::vector<float> seen;
    changed.step(data.images(), data.classes(), 0,
                 [&](std::span<float> gradients) { seen.assign(gradients.begin(), gradients.end()); });
    CHECK(std::ranges::equal(seen, plain.gradients()));
    CHECK(std::ranges::equal(changed.parameters(), plain.parameters()));

    const std::vector<float> moved(changed.parameters().begin(), changed.parameters().end());
    CHECK(moved != before);
    const auto momentum = changed.moment(0);
    std::ranges::fill(momentum, 0.0f);
    changed.step(data.images(), data.classes(), 0,
                 [&](std::span<float> gradients) { std::ranges::fill(gradients, 0.0f); });
    const Index trained = daf::parameter_segments<TinyNetwork>.trained();
    CHECK(std::ranges::equal(changed.parameters().first(static_cast<std::size_t>(trained)),
                             std::span(moved).first(static_cast<std::size_t>(trained))));
}

TEST_CASE("learners that share a batch and add up their gradients learn what one learner of it all does") {
    constexpr Index images = 12, ranks = 3, share = images / ranks, steps = 4;
    const auto trained = static_cast<std::size_t>(daf::parameter_segments<Net>.trained());
    const TinyData<double> data(images * steps);
    const auto images_of = [&](Index step, Index first, Index count) {
        return data.images().slice(step * images + first, count);
    };
    const auto labels_of = [&](Index step, Index first, Index count) {
        return data.classes().slice(step * images + first, count);
    };

    daf::Cpu cpu(daf::Threads{1});
    Learner whole(cpu, daf::max_batch(images), daf::Seed{5}, {}, objective);
    for (Index step = 0; step < steps; ++step)
        whole.step(images_of(step, 0, images), labels_of(step, 0, images));

    std::vector<std::vector<double>> offered(ranks), learned(ranks);
    std::barrier together(ranks);
    const auto rank = [&](Index r) {
        const auto mine = static_cast<std::size_t>(r);
        daf::Cpu own(daf::Threads{1});
        Learner learner(own, daf::max_batch(share), daf::Seed{5}, {}, objective);
        for (Index step = 0; step < steps; ++step) {
            learner.step(images_of(step, r * share, share), labels_of(step, r * share, share),
                         static_cast<std::uint32_t>(r * share), [&](std::span<double> gradients) {
                             offered[mine].assign(gradients.begin(), gradients.end());
                             together.arrive_and_wait();
                             for (std::size_t i = 0; i < gradients.size(); ++i) {
                                 double sum = 0;
                                 for (const auto& of_rank : offered) sum += of_rank[i];
                                 gradients[i] = i < trained ? sum / ranks : sum;  // means; and Eq 12's sums
                             }
                             together.arrive_and_wait();
                         });
        }
        learned[mine].assign(learner.parameters().begin(), learner.parameters().end());
    };
    {
        std::vector<std::jthread> threads;
        for (Index r = 0; r < ranks; ++r) threads.emplace_back(rank, r);
    }
    double furthest = 0;
    for (const auto& parameters : learned) {
        CHECK(parameters == learned[0]);
        for (std::size_t i = 0; i < parameters.size(); ++i)
            furthest = std::max(furthest, std::abs(parameters[i] - whole.parameters()[i]));
    }
    CHECK(furthest < 1e-9);
}

TEST_CASE("a metric loss of one's own, without centres, trains a network") {
    using Own = daf::Network<Trunk, daf_test::TinyHead, Length>;
    daf::Cpu cpu(daf::Threads{1});
    const TinyData<double> data(8);
    const auto embedded = [&](double lambda) {
        daf::Learner<Own, daf::Cpu, double> learner(cpu, daf::max_batch(8), daf::Seed{5}, {},
                                                    {.lambda = lambda});
        daf::StepResult result;
        for (int step = 0; step < 30; ++step) result = learner.step(data.images(), data.classes());
        const auto e = learner.evaluate(data.images()).embeddings;
        double squares = 0;
        for (Index i = 0; i < e.size(); ++i) squares += e.data()[i] * e.data()[i];
        CHECK((result.metric > 0));
        return squares;
    };
    CHECK(embedded(1) < embedded(0) / 2);
    CHECK(daf_test::message_of<daf::ArgumentError>([&] {
              daf::Learner<Own, daf::Cpu>(cpu, daf::max_batch(8), daf::Seed{5}, {}, {.softmax_weight = 0});
          }) == "Learner: softmax_weight is 0, and the metric loss has no centres to classify by");
}

TEST_CASE("a learner may go through a pointer to what it is, an evaluator") {
    daf::Cpu cpu(daf::Threads{1});
    using Evaluator = daf::Evaluator<TinyNetwork, daf::Cpu>;
    const TinyData<float> data(2);
    const std::unique_ptr<Evaluator> evaluator =
        std::make_unique<daf::Learner<TinyNetwork, daf::Cpu>>(cpu, daf::max_batch(2), daf::Seed{5});
    CHECK(evaluator->evaluate(data.images()).logits.count() == 2);
    static_assert(std::has_virtual_destructor_v<Evaluator>);
}
