#include <doctest/doctest.h>
#include <malloc.h>

#include <daf/daf.hpp>

#include "support/allocations.hpp"
#include "support/noise.hpp"
#include "support/tiny_network.hpp"
#include "support/workbench.hpp"

using daf::Index;
using daf::Shape;
using daf_test::noise;
namespace layer = daf::layer;

namespace {

struct NamedTrunk : daf_test::TinyTrunk {};
struct NamedNetwork : daf_test::TinyNetwork {};

using Image = Shape<13, 11, 2>;  // whose last tiles reach over the map
/// Layers that go direct and by Winograd, with a bias and without, two of one type, a pool that the one
/// before takes along, and operators that a kernel prepares nothing for.
using Net =
    daf::Sequence<Image, layer::ConvBnRelu<32>, layer::ConvBnRelu<29>, layer::ConvBnRelu<32>,
                  layer::MaxPool<2>, layer::Conv2d<24, 3, 1, daf::Bias::per_channel>, layer::Conv2d<20, 5, 2>,
                  layer::DualAttention<4, 3>, layer::Dropout, layer::Linear<37>, layer::Relu>;

/// A model whose running statistics have moved and whose scales and shifts are not their first values.
template <class T>
struct Trained {
    static constexpr Index largest = 20;
    daf::Cpu cpu{daf::Threads{2}};
    daf::Model<Net, daf::Cpu, T> model{cpu, daf::max_batch(largest), daf::Seed{3}};
    std::vector<T> x = noise<T>(largest * Image::size, 5);

    Trained() {
        const std::vector<T> moved = noise<T>(daf::parameter_count<Net>, 6);
        const Index trained = daf::parameter_segments<Net>.trained();
        for (std::size_t i = 0; i < static_cast<std::size_t>(trained); ++i)
            model.parameters()[i] += moved[i] / 10;
        for (int step = 0; step < 3; ++step) model.forward_train(images(largest));
    }
    auto images(Index count) const { return daf::batch_of<Image>(x).slice(0, count); }
    std::vector<T> expected(Index count) {
        const auto y = model.forward(images(count));
        return {y.data(), y.data() + y.size()};
    }
};

template <class T>
void check_same_as_the_model(daf::Convolution algorithm, double tolerance) {
    Trained<T> trained;
    trained.cpu.set_convolution(daf::Convolution::direct);
    for (const Index usual : {1, 20}) {
        daf::Cpu cpu(daf::Threads{2});
        cpu.set_convolution(algorithm);
        const daf::Inference<Net, daf::Cpu, T> net(cpu, trained.model.parameters(), daf::usual_batch(usual));
        auto workspace = net.workspace(cpu, daf::max_batch(20));
        for (const Index count : {1, 3, 20}) {
            INFO("prepared for ", usual, ", given ", count);
            const auto y = net(cpu, workspace, trained.images(count));
            const std::vector<T> got(y.data(), y.data() + y.size());
            CHECK(daf_test::relative_difference(got, trained.expected(count)) <= tolerance);
        }
    }
}

}  // namespace

TEST_CASE("inference gives what the model gives, whatever the algorithm and the batch it was prepared for") {
    for (const auto algorithm :
         {daf::Convolution::automatic, daf::Convolution::direct, daf::Convolution::winograd}) {
        check_same_as_the_model<float>(algorithm, 2e-5);
        check_same_as_the_model<double>(algorithm, 1e-13);
    }
}

TEST_CASE("inference has the same bits on any number of threads") {
    Trained<float> trained;
    std::vector<float> first;
    for (const int threads : {1, 2, 3, 4, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        const daf::Inference<Net, daf::Cpu> net(cpu, trained.model.parameters(), daf::usual_batch(20));
        auto workspace = net.workspace(cpu, daf::max_batch(20));
        std::vector<float> all;
        for (const Index count : {1, 20}) {
            const auto y = net(cpu, workspace, trained.images(count));
            all.insert(all.end(), y.data(), y.data() + y.size());
        }
        if (first.empty()) first = all;
        CHECK(all == first);
    }
}

TEST_CASE("inference is a snapshot, and allocates nothing once its workspace is made") {
    Trained<float> trained;
    const daf::Inference<Net, daf::Cpu> net(trained.cpu, trained.model.parameters());
    auto workspace = net.workspace(trained.cpu, daf::max_batch(20));
    const auto expected = trained.expected(20);
    for (float& value : trained.model.parameters()) value = 7;
    daf::Cpu cpu(daf::Threads{2});
    auto own = net.workspace(cpu, daf::max_batch(20));
    const long before = daf_test::allocations();
    for (Index count = 20; count >= 1; --count) net(cpu, own, trained.images(count));
    CHECK(daf_test::allocations() == before);
    const auto y = net(trained.cpu, workspace, trained.images(20));
    CHECK(daf_test::relative_difference(std::vector<float>(y.data(), y.data() + y.size()), expected) <= 2e-5);
}

TEST_CASE("inference keeps as many bytes as it says, for one image and for many") {
    if (daf_test::sanitizer_owns_malloc()) return;
    const Trained<float> trained;
    const auto in_use = [] { return static_cast<Index>(mallinfo2().uordblks + mallinfo2().hblkhd); };
    Index said_before = 0;
    for (const Index usual : {1, 20}) {
        daf::Cpu cpu(daf::Threads{2});
        using Inference = daf::Inference<Net, daf::Cpu>;
        const Index before = in_use();
        const Inference net(cpu, trained.model.parameters(), daf::usual_batch(usual));
        const Index taken = in_use() - before, said = Inference::bytes(cpu, daf::usual_batch(usual));
        INFO("for ", usual, ": ", said, " bytes, ", taken, " taken");
        CHECK(said <= taken);
        CHECK(taken <= said + 4096);  // malloc's own, and what alignment leaves
        CHECK(said != said_before);   // other algorithms, other weights
        said_before = said;
    }
}

TEST_CASE("inference of a whole network gives what its learner evaluates") {
    using Network = daf_test::TinyNetwork;
    daf::Cpu cpu(daf::Threads{2});
    daf::Learner<Network, daf::Cpu> learner(cpu, daf::max_batch(18), daf::Seed{5});
    const daf_test::TinyData<float> data(18);
    for (int step = 0; step < 20; ++step) learner.step(data.images(), data.classes());

    const daf::Inference<Network, daf::Cpu> net(cpu, learner.parameters());
    auto workspace = net.workspace(cpu, daf::max_batch(18));
    const auto got = net(cpu, workspace, data.images());
    const auto want = learner.evaluate(data.images());
    const auto values = [](const auto& batch) {
        return std::vector<float>(batch.data(), batch.data() + batch.size());
    };
    CHECK(daf_test::relative_difference(values(got.embeddings), values(want.embeddings)) <= 2e-5);
    CHECK(daf_test::relative_difference(values(got.logits), values(want.logits)) <= 2e-5);

    const std::vector<float> too_few(static_cast<std::size_t>(daf::parameter_count<daf_test::TinyTrunk>));
    using Snapshot = daf::Inference<Network, daf::Cpu>;
    CHECK_THROWS_AS(Snapshot(cpu, std::span(too_few)), daf::ArgumentError);
}

TEST_CASE("a struct that is a sequence or a network by inheritance can be inferred from") {
    daf::Cpu cpu(daf::Threads{1});
    const daf_test::TinyData<float> data(2);
    const auto outputs_of = [&](const auto& net) {
        auto workspace = net.workspace(cpu, daf::max_batch(2));
        const auto all = [](const auto& y) { return std::vector<float>(y.data(), y.data() + y.size()); };
        const auto y = net(cpu, workspace, data.images());
        if constexpr (requires { y.logits; }) {
            return all(y.logits);
        } else {
            return all(y);
        }
    };
    const auto same = [&](const auto& named, const auto& plain) {
        return outputs_of(named) == outputs_of(plain);
    };
    daf::Model<NamedTrunk, daf::Cpu> model(cpu, daf::max_batch(2), daf::Seed{1});
    CHECK(same(daf::Inference<NamedTrunk, daf::Cpu>(cpu, model.parameters()),
               daf::Inference<daf_test::TinyTrunk, daf::Cpu>(cpu, model.parameters())));
    daf::Learner<NamedNetwork, daf::Cpu> learner(cpu, daf::max_batch(2), daf::Seed{1});
    CHECK(same(daf::Inference<NamedNetwork, daf::Cpu>(cpu, learner.parameters()),
               daf::Inference<daf_test::TinyNetwork, daf::Cpu>(cpu, learner.parameters())));
}

TEST_CASE("the batch that inference should be fastest for is one that can be") {
    CHECK(daf::UsualBatch{}.count == 1);
    CHECK_THROWS_WITH_AS(daf::usual_batch(0), "usual_batch: expected 1 to 2147483647 images, got 0",
                         daf::ArgumentError);
}

TEST_CASE("inference refuses parameters of another network and batches beyond its workspace") {
    daf::Cpu cpu(daf::Threads{1});
    Trained<float> trained;
    const std::vector<float> few(3);
    using Snapshot = daf::Inference<Net, daf::Cpu>;
    CHECK_THROWS_AS(Snapshot(cpu, std::span(few)), daf::ArgumentError);
    const Snapshot net(cpu, trained.model.parameters());
    auto workspace = net.workspace(cpu, daf::max_batch(2));
    CHECK_THROWS_WITH_AS(net(cpu, workspace, trained.images(3)),
                         "batch: expected 1 to 2 images, which the owner or workspace was made for, got 3",
                         daf::ArgumentError);
}

TEST_CASE("inference refuses a figure that an operator cannot have before it runs") {
    using Dropping = daf::Sequence<Shape<4>, daf::layer::Dropout>;
    daf::Cpu cpu(daf::Threads{1});
    Dropping net;
    daf::get<0>(net.operators).rate = 2;
    CHECK_THROWS_WITH_AS((daf::Inference<Dropping, daf::Cpu>(cpu, std::span<const float>(), {1}, net)),
                         doctest::Contains("dropout: rate must be in [0, 1)"), daf::ArgumentError);
}

TEST_CASE("an operator that was prepared by itself checks its batches") {
    using Op = daf::ConvBnRelu<Shape<4, 4, 2>, 3>;
    daf::Cpu cpu(daf::Threads{1});
    const std::vector<float> slab = noise<float>(daf::parameter_count<Op>, 1), x = noise<float>(64, 2);
    std::vector<float> y(96);
    const auto parameters = daf::bind<Op>(std::span(slab));
    const daf::Prepared<Op, float, daf::Cpu> prepared(cpu, Op{}, parameters, 1);
    const auto in = daf::batch_of<Op::Input>(x);
    const auto out = daf::batch_of<Op::Output>(y);
    CHECK_THROWS_WITH_AS(prepared.forward(cpu, in, out.slice(0, 1)),
                         "conv_bn_relu: y must hold 2 images as x does, but holds 1", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(prepared.forward(cpu, in.slice(0, 0), out),
                         "conv_bn_relu: the batch is empty: expected at least one image", daf::ArgumentError);
}
