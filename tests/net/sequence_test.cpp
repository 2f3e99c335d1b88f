#include <doctest/doctest.h>

#include <daf/daf.hpp>

#include <set>
#include <thread>

#include "support/allocations.hpp"
#include "support/noise.hpp"
#include "support/tiny_network.hpp"
#include "support/workbench.hpp"

using daf::Shape;
namespace layer = daf::layer;

namespace {

using Small = daf::Sequence<Shape<6, 6, 2>, layer::ConvBnRelu<4>, layer::MaxPool<2>, layer::Linear<3>>;

template <class Net>
std::vector<std::string> all_names() {
    std::vector<float> slab(static_cast<std::size_t>(daf::parameter_count<Net>));
    auto bound = daf::bind_all_parameters<Net>(slab.data());
    std::vector<std::string> names;
    daf::for_each_parameter(
        daf::operator_names<Net>(), bound,
        [&](const std::string& name, const auto&, const auto&) { names.push_back(name); });
    return names;
}

}  // namespace

TEST_CASE("a sequence takes each layer's shape from the layer before") {
    static_assert(std::is_same_v<Small::Output, Shape<3>>);
    static_assert(std::is_same_v<Small::Operator<2>::Input, Shape<3, 3, 4>>);
    // weights 9*2*4 and 36*3, then gamma, beta and bias, then running mean and variance
    static_assert(daf::parameter_segments<Small> == daf::SegmentSizes{72 + 108, 8 + 3, 8});
    static_assert(daf::gradient_segments<Small> == daf::SegmentSizes{72 + 108, 8 + 3, 0});
}

TEST_CASE("the memory of a sequence is a constant") {
    using Training = daf::Workspace<Small, float, daf::Cpu, daf::Mode::train>;
    using Evaluation = daf::Workspace<Small, float, daf::Cpu, daf::Mode::eval>;
    // z, mean and 1/deviation, of which y is made where it is read; the pool's output and its winners; the
    // last output; the gradient by the last input: the pool's is made where it is read, too. In cache lines.
    static_assert(Training::bytes(16) ==
                  (4 * 16 * 144 + 64 + 64) + (4 * 16 * 36 + 16 * 36) + 4 * 16 * 3 + 4 * 16 * 36);
    static_assert(Evaluation::bytes(16) == 2 * 4 * 16 * 144);
    static_assert(daf::saved_bytes<Small::Operator<1>, float>(16) == 16 * 36);
}

TEST_CASE("parameters have PyTorch's names") {
    CHECK(all_names<Small>() == std::vector<std::string>{"0.weight", "1.weight", "1.bias", "1.running_mean",
                                                         "1.running_var", "4.weight", "4.bias"});
    CHECK(all_names<daf_test::TinyNetwork>() == std::vector<std::string>{"trunk.0.weight",
                                                                         "trunk.1.weight",
                                                                         "trunk.1.bias",
                                                                         "trunk.1.running_mean",
                                                                         "trunk.1.running_var",
                                                                         "trunk.4.weight",
                                                                         "trunk.5.weight",
                                                                         "trunk.5.bias",
                                                                         "trunk.5.running_mean",
                                                                         "trunk.5.running_var",
                                                                         "attention.fc1.weight",
                                                                         "attention.fc1.bias",
                                                                         "attention.fc2.weight",
                                                                         "attention.fc2.bias",
                                                                         "attention.conv.weight",
                                                                         "attention.conv.bias",
                                                                         "fc1.weight",
                                                                         "fc1.bias",
                                                                         "fc2.weight",
                                                                         "fc2.bias",
                                                                         "centres"});
}

TEST_CASE("first values follow each parameter's description and the seed alone") {
    using Wide = daf::Sequence<Shape<4, 4, 16>, layer::ConvBnRelu<64>, layer::Linear<32>>;
    std::vector<double> slab(static_cast<std::size_t>(daf::parameter_count<Wide>)), again(slab);
    daf::initialise<Wide>(slab.data(), daf::Seed{1});
    daf::initialise<Wide>(again.data(), daf::Seed{1});
    CHECK(slab == again);
    daf::initialise<Wide>(again.data(), daf::Seed{2});
    CHECK(slab != again);

    const auto bound = daf::bind_all_parameters<Wide>(slab.data());
    const auto spread = [](const auto& view) {
        double sum = 0, square = 0, largest = 0;
        for (daf::Index i = 0; i < view.size(); ++i) {
            sum += view[i];
            square += view[i] * view[i];
            largest = std::max(largest, std::abs(view[i]));
        }
        const auto n = static_cast<double>(view.size());
        CHECK(std::abs(sum / n) < 4 * std::sqrt(square / n / n));
        return std::pair{std::sqrt(square / n), largest};
    };
    CHECK(spread(daf::get<0>(bound).weight).first ==
          doctest::Approx(std::sqrt(2.0 / (9 * 16))).epsilon(0.03));
    const double bound_of_glorot = std::sqrt(6.0 / (4 * 4 * 64 + 32));
    const auto [deviation, largest] = spread(daf::get<1>(bound).weight);
    CHECK(deviation == doctest::Approx(bound_of_glorot / std::sqrt(3.0)).epsilon(0.02));
    CHECK(largest <= bound_of_glorot);
    CHECK(daf::get<0>(bound).gamma[5] == 1);
    CHECK(daf::get<0>(bound).running_var[5] == 1);
    CHECK(daf::get<0>(bound).beta[5] == 0);
}

TEST_CASE("an operator by itself gets the first values that it has at the head of a sequence") {
    using Input = Shape<5, 4, 16>;
    using Alone = daf::DualAttention<Input, 8, 3>;
    using First = daf::Sequence<Input, layer::DualAttention<8, 3>, layer::Linear<3>>;
    std::vector<float> alone(static_cast<std::size_t>(daf::parameter_count<Alone>)),
        whole(static_cast<std::size_t>(daf::parameter_count<First>));
    daf::initialise<Alone>(std::span(alone), daf::Seed{3});
    daf::initialise<First>(whole.data(), daf::Seed{3});
    const auto bound = daf::bind<Alone>(std::span(alone));
    const auto expected = daf::get<0>(daf::bind_all_parameters<First>(whole.data()));
    daf::for_each_pair(bound, expected, [](const auto& field, const auto& got, const auto& want) {
        INFO(field.name);
        CHECK(std::equal(got.data(), got.data() + got.size(), want.data()));
    });
    CHECK(std::ranges::any_of(alone, [](float value) { return value != 0; }));
    alone.pop_back();
    CHECK_THROWS_AS(daf::initialise<Alone>(std::span(alone), daf::Seed{3}), daf::ArgumentError);
}

TEST_CASE("a model is its operators one after another, forward and backward") {
    daf::Cpu cpu(daf::Threads{2});
    daf::Model<Small, daf::Cpu> model(cpu, daf::max_batch(8), daf::Seed{3});
    const std::vector<float> x = daf_test::noise<float>(5 * 72, 1), dy = daf_test::noise<float>(5 * 3, 2);
    const auto images = daf::batch_of<Shape<6, 6, 2>>(x);

    using Conv = Small::Operator<0>;
    using Pool = Small::Operator<1>;
    using Last = Small::Operator<2>;
    std::vector<float> a(5 * 144), b(5 * 36), y(15), da(a), db(b), dx(x.size());
    daf_test::Guarded<std::byte> conv_saved(daf::saved_bytes<Conv, float>(5)),
        pool_saved(daf::saved_bytes<Pool, float>(5));
    const auto A = daf::batch_of<Conv::Output>(a);
    const auto B = daf::batch_of<Pool::Output>(b);
    const auto Y = daf::batch_of<Last::Output>(y);
    const auto sc = daf::bind_saved<Conv, float>(conv_saved.data(), 5);
    const auto sp = daf::bind_saved<Pool, float>(pool_saved.data(), 5);
    const std::vector<float> parameters(model.parameters().begin(), model.parameters().end());
    daf::forward<daf::train>(cpu, Conv{}, images, A, model.parameters_of<0>(), sc);
    daf::forward<daf::train>(cpu, Pool{}, A, B, daf::Nothing{}, sp);
    daf::forward<daf::train>(cpu, Last{}, B, Y, model.parameters_of<2>());
    std::copy(parameters.begin(), parameters.end(), model.parameters().begin());  // running statistics back

    const auto got = model.forward_train(images);
    CHECK(std::vector<float>(got.data(), got.data() + got.size()) == y);

    std::vector<float> model_dx(x.size());
    model.backward(images, daf::batch_of<Shape<3>>(dy),
                   daf::overwrite(daf::batch_of<Shape<6, 6, 2>>(model_dx)));
    const std::vector<float> gradients(model.gradients().begin(), model.gradients().end());
    model.zero_gradients();
    const auto DB = daf::batch_of<Pool::Output>(db);
    const auto DA = daf::batch_of<Conv::Output>(da);
    daf::backward(cpu, Last{}, B, Y, daf::batch_of<Shape<3>>(dy), daf::overwrite(DB),
                  model.parameters_of<2>(), model.gradients_of<2>());
    daf::backward(cpu, Pool{}, A, B, DB, daf::overwrite(DA), daf::Nothing{}, daf::Nothing{}, sp);
    daf::backward(cpu, Conv{}, images, A, DA, daf::overwrite(daf::batch_of<Shape<6, 6, 2>>(dx)),
                  model.parameters_of<0>(), model.gradients_of<0>(), sc);
    CHECK(model_dx == dx);
    CHECK(gradients == std::vector<float>(model.gradients().begin(), model.gradients().end()));
}

TEST_CASE("a model refuses a batch beyond its largest, and allocates nothing once it runs") {
    daf::Cpu cpu(daf::Threads{2});
    daf::Model<Small, daf::Cpu> model(cpu, daf::max_batch(4), daf::Seed{3});
    const std::vector<float> x = daf_test::noise<float>(5 * 72, 1), dy(4 * 3, 1.0f);
    const auto images = daf::batch_of<Shape<6, 6, 2>>(x);
    CHECK_THROWS_WITH_AS(model.forward(images),
                         "batch: expected 1 to 4 images, which the owner or workspace was made for, got 5",
                         daf::ArgumentError);
    CHECK_THROWS_WITH_AS(model.backward(images.slice(0, 4), daf::batch_of<Shape<3>>(dy)),
                         "Workspace: backward of 4 images, but the last training forward kept 0",
                         daf::ArgumentError);
    CHECK_THROWS_WITH_AS(daf::max_batch(0), "max_batch: expected 1 to 2147483647 images, got 0",
                         daf::ArgumentError);
    // So many that their bytes cannot be counted.
    CHECK_THROWS_WITH_AS(
        (daf::Model<Small, daf::Cpu>(cpu, daf::max_batch(daf::Index{1} << 61), daf::Seed{3})),
        "max_batch: expected 1 to 2147483647 images, got 2305843009213693952", daf::ArgumentError);
    const auto pass = [&] {
        model.forward_train(images.slice(0, 4));
        model.backward(images.slice(0, 4), daf::batch_of<Shape<3>>(dy));
        model.forward(images.slice(0, 3));
    };
    pass();
    const long before = daf_test::allocations();
    pass();
    CHECK(daf_test::allocations() == before);
}

TEST_CASE("a model's own output is refused as its input where it would be overwritten while it is read") {
    daf::Cpu cpu(daf::Threads{1});
    const std::vector<float> x = daf_test::noise<float>(2 * 8, 1);
    daf::Model<daf::Sequence<Shape<8>, layer::Linear<8>>, daf::Cpu> one(cpu, daf::max_batch(2), daf::Seed{1});
    const auto y = one.forward(daf::batch_of<Shape<8>>(x));
    CHECK_THROWS_WITH_AS(one.forward(y),
                         "Workspace: x lies in memory that its outputs are written to: copy x first",
                         daf::ArgumentError);
    daf::Model<daf::Sequence<Shape<8>, layer::Linear<8>>, daf::Cpu> another(cpu, daf::max_batch(2),
                                                                            daf::Seed{1});
    CHECK(another.forward(y).count() == 2);
    CHECK_THROWS_AS(one.forward(y.slice(1, 1)), daf::ArgumentError);

    // In evaluation two buffers take turns. In training the last output stays where it is until its backward
    // pass, and would be written while backward still has to read it.
    using Two = daf::Sequence<Shape<8>, layer::Linear<8>, layer::Linear<8>>;
    daf::Model<Two, daf::Cpu> two(cpu, daf::max_batch(2), daf::Seed{1});
    CHECK(two.forward(two.forward(daf::batch_of<Shape<8>>(x))).count() == 2);
    CHECK_THROWS_AS(two.forward_train(two.forward_train(daf::batch_of<Shape<8>>(x))), daf::ArgumentError);
}

TEST_CASE("in evaluation the middle of every map's batch lies in the middle of its buffer") {
    using Net = daf::Sequence<Shape<6, 6, 2>, layer::Conv2d<16>, layer::MaxPool<2>, layer::Conv2d<64>,
                              layer::MaxPool<3>, layer::Linear<48>>;
    using Eval = daf::Workspace<Net, float, daf::Cpu, daf::Mode::eval>;
    daf::Cpu cpu(daf::Threads{2});
    const std::vector<float> x = daf_test::noise<float>(8 * 72, 1);
    std::vector<float> parameters(daf::parameter_count<Net>);
    Eval workspace(cpu, 8);
    cpu.reserve(Eval::scratch_bytes(cpu, 8));
    for (const daf::Index count : {8, 2}) {
        std::array<std::vector<const float*>, 2> middles;
        workspace.forward(cpu, Net{}, daf::bind_all_parameters<Net>(parameters.data()),
                          daf::batch_of<Shape<6, 6, 2>>(x).slice(0, count), {},
                          [&](auto i, const auto&, const auto&, const auto& y) {
                              middles[i % 2].push_back(y.data() + y.size() / 2);
                          });
        for (const auto& of_buffer : middles) {
            for (const float* middle : of_buffer) CHECK(std::abs(middle - of_buffer[0]) <= 16);
        }
    }
}

TEST_CASE("a backward pass with what does not fit changes nothing, and can be made good") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Small, daf::Cpu> model(cpu, daf::max_batch(4), daf::Seed{3});
    const std::vector<float> x = daf_test::noise<float>(4 * 72, 1), dy(4 * 3, 1.0f);
    std::vector<float> dx(x.size());
    const auto images = daf::batch_of<Shape<6, 6, 2>>(x);
    const auto slopes = daf::batch_of<Shape<3>>(dy);
    const auto into = daf::batch_of<Shape<6, 6, 2>>(dx);
    using Into = daf::GradientInto<decltype(into.slice(0, 1))>;

    model.forward_train(images);
    CHECK_THROWS_WITH_AS(model.backward(images, slopes.slice(0, 3)),
                         "Workspace: dy must hold 4 images as x does, but holds 3", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(model.backward(images, slopes, daf::overwrite(into.slice(0, 3))),
                         "Workspace: dx must hold 4 images as x does, but holds 3", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(model.backward(images, slopes, Into{{}, daf::Write::accumulate}),
                         "Workspace: dx must hold 4 images as x does, but holds 0", daf::ArgumentError);
    CHECK(std::ranges::all_of(model.gradients(), [](float gradient) { return gradient == 0; }));
    model.backward(images, slopes, Into{});  // none is wanted
    CHECK(std::ranges::any_of(model.gradients(), [](float gradient) { return gradient != 0; }));
    CHECK(std::ranges::all_of(dx, [](float gradient) { return gradient == 0; }));
}

TEST_CASE("a const model shows its parameters, and does not let them be written") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Small, daf::Cpu> model(cpu, daf::max_batch(1), daf::Seed{3});
    model.parameters_of<2>().bias[0] = 7;
    const auto& looked_at = model;
    CHECK(looked_at.parameters_of<2>().bias[0] == 7);
    using Element = std::remove_reference_t<decltype(looked_at.parameters_of<2>().bias[0])>;
    static_assert(std::is_same_v<Element, const float>);
}

TEST_CASE("dropout in a model draws anew every training pass, and the backward pass draws the same again") {
    using Dropping = daf::Sequence<Shape<50>, layer::Dropout>;
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Dropping, daf::Cpu> model(cpu, daf::max_batch(1), daf::Seed{3});
    const std::vector<float> ones(50, 1.0f);
    const auto x = daf::batch_of<Shape<50>>(ones);
    const auto run = [&] {
        const auto y = model.forward_train(x);
        return std::vector<float>(y.data(), y.data() + 50);
    };
    const auto first = run(), second = run();
    const daf::Batch<Shape<50>, const float> kept = model.forward_train(x);
    const std::vector<float> third(kept.data(), kept.data() + 50);
    CHECK(first != second);
    CHECK(second != third);
    std::vector<float> dx(50);
    const std::vector<float> two(100, 1.0f);  // a pass that is refused draws nothing
    CHECK_THROWS_AS(model.forward_train(daf::batch_of<Shape<50>>(two)), daf::ArgumentError);
    CHECK_THROWS_AS(model.forward_train(kept), daf::ArgumentError);
    model.backward(x, x, daf::overwrite(daf::batch_of<Shape<50>>(dx)));
    CHECK(dx == third);
}

TEST_CASE("threads share an Inference, each with its own context and workspace") {
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<daf_test::TinyTrunk, daf::Cpu> model(cpu, daf::max_batch(16), daf::Seed{3});
    const daf_test::TinyData<float> data(16);
    const auto expected = model.forward(data.images());
    const std::vector<float> want(expected.data(), expected.data() + expected.size());

    const daf::Inference<daf_test::TinyTrunk, daf::Cpu> net(cpu, model.parameters());
    model.parameters()[0] += 1;  // a snapshot does not follow
    std::vector<std::vector<float>> got(4);
    std::vector<std::thread> threads;
    for (auto& mine : got) {
        threads.emplace_back([&net, &data, &mine] {
            daf::Cpu own(daf::Threads{1});
            auto workspace = net.workspace(own, daf::max_batch(16));
            for (int round = 0; round < 20; ++round) {
                const auto y = net(own, workspace, data.images());
                mine.assign(y.data(), y.data() + y.size());
            }
        });
    }
    for (auto& t : threads) t.join();
    for (const auto& mine : got) {
        CHECK(mine == got[0]);
        CHECK(daf_test::relative_difference(mine, want) <= 1e-5);  // folding rounds anew
    }
}
