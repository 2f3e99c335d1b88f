#include <daf/cpu/channel_attention.hpp>
#include <daf/reference/channel_attention.hpp>

#include "support/conformance.hpp"

using daf::ChannelAttention;
using daf::Hidden;
using daf::Shape;

TEST_CASE("channel attention keeps every promise") {
    daf_test::conform<ChannelAttention<Shape<5, 7, 6>, 2>>();
    daf_test::conform<ChannelAttention<Shape<1, 1, 8>, 8>>();
    daf_test::conform<ChannelAttention<Shape<4, 3, 39>, 3>>();
}

TEST_CASE("channel attention keeps them with every hidden activation") {
    daf_test::conform<ChannelAttention<Shape<3, 4, 20>, 4, Hidden::sigmoid>>();
    daf_test::conform<ChannelAttention<Shape<3, 4, 20>, 4, Hidden::identity>>();
}

TEST_CASE("channel attention keeps them at the sizes of the networks") {
    daf_test::Promise few;
    few.batches = {1, 18};
    few.seeds = {1};
    daf_test::conform<ChannelAttention<Shape<6, 6, 512>>>({}, few);
    daf_test::conform<ChannelAttention<Shape<3, 3, 128>>>({}, few);
}

namespace {

// One image of two positions, a and b, with two channels; one hidden unit.
//
//   x   a (1, 4)   b (3, 4)       avg (2, 4)   max (3, 4): channel 0 from b; channel 1 is a tie, so from a
template <Hidden H>
struct Example {
    using Op = ChannelAttention<Shape<1, 2, 2>, 2, H>;
    double x[4] = {1, 4, 3, 4}, y[4] = {}, dy[4] = {1, 0, 1, 0}, dx[4] = {};
    double slab[7] = {}, gradient_slab[7] = {};
    alignas(64) std::byte saved_memory[daf::saved_bytes<Op, double>(1)] = {};
    daf::ParametersOf<Op, double> params = daf::bind<Op>(std::span<double>(slab));
    daf::GradientsOf<Op, double> gradients = daf::bind_gradients<Op>(std::span<double>(gradient_slab));

    template <class Backend>
    void forward(Backend& ctx) {
        using Map = typename Op::Input;
        daf::forward<daf::train>(ctx, Op{}, daf::batch_of<Map>(x), daf::batch_of<Map>(y), params, saved());
    }
    template <class Backend>
    void backward(Backend& ctx) {
        using Map = typename Op::Input;
        daf::backward(ctx, Op{}, daf::batch_of<Map>(x), daf::batch_of<Map>(y), daf::batch_of<Map>(dy),
                      daf::overwrite(daf::batch_of<Map>(dx)), params, gradients, saved());
    }
    auto saved() { return daf::bind_saved<Op, double>(saved_memory, 1); }
};

void check_equal(const double* got, std::initializer_list<double> want) {
    for (const double value : want) CHECK(*got++ == doctest::Approx(value).epsilon(1e-12));
}

template <Hidden H, class Backend>
double first_gate(Backend& ctx) {
    Example<H> example;
    example.params.fc1_weight[0] = 1;
    example.params.fc1_weight[1] = -0.5;
    example.params.fc1_bias[0] = -2;  // before the activation: avg 2 - 2 - 2 = -2, max 3 - 2 - 2 = -1
    example.params.fc2_weight[0] = 1;
    example.forward(ctx);
    return example.y[0];  // x is 1 there
}

double sigmoid(double a) {
    return 1 / (1 + std::exp(-a));
}

}  // namespace

TEST_CASE_TEMPLATE("channel attention is Eq 1-2, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    Example<Hidden::relu> example;
    auto& [w1, b1, w2, b2] = example.params;
    w1[0] = 1, w1[1] = -0.5, b1[0] = 0.5;  // hidden: avg 2 - 2 + 0.5 = 0.5,  max 3 - 2 + 0.5 = 1.5
    w2[0] = 1, b2[0] = -1;                 // net(avg) + net(max) = (0.5 - 1) + (1.5 - 1) = 0: gate 1/2
    w2[1] = 0.5, b2[1] = std::log(3.0) / 2 - 0.5;  // (0.5 + 1.5) / 2 + ln 3 - 1 = ln 3: gate 3/4
    example.forward(ctx);
    check_equal(example.y, {0.5, 3, 1.5, 3});

    // dgate = (1*1 + 1*3, 0) = (4, 0), before the sigmoid 4 * 1/2 * 1/2 = 1: (1, 0). Hidden: w2 . (1, 0) = 1
    // for both.
    example.backward(ctx);
    auto& [dw1, db1, dw2, db2] = example.gradients;
    check_equal(db2.data(), {2, 0});          // once per net
    check_equal(dw2.data(), {0.5 + 1.5, 0});  // the hidden values
    check_equal(db1.data(), {2});
    check_equal(dw1.data(), {2 + 3, 4 + 4});  // avg + max
    // By avg and by max (1, -0.5) each. dx = gate dy + half of the first + the second at the maximum.
    check_equal(example.dx, {0.5 + 0.5, -0.25 - 0.5, 0.5 + 0.5 + 1, -0.25});
}

TEST_CASE_TEMPLATE("channel attention's hidden activation, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    CHECK(first_gate<Hidden::relu>(ctx) == doctest::Approx(0.5));
    CHECK(first_gate<Hidden::identity>(ctx) == doctest::Approx(sigmoid(-3)));
    CHECK(first_gate<Hidden::sigmoid>(ctx) == doctest::Approx(sigmoid(sigmoid(-2) + sigmoid(-1))));
}

TEST_CASE_TEMPLATE("channel attention does not hide a NaN", Backend, daf::Reference, daf::Cpu) {
    for (const int at : {0, 2}) {
        Backend ctx;
        Example<Hidden::relu> example;
        example.slab[0] = example.slab[2] = 1;
        example.x[at] = std::numeric_limits<double>::quiet_NaN();
        example.forward(ctx);
        CHECK(std::isnan(example.y[0]));
        CHECK(std::isnan(example.y[2]));
        example.backward(ctx);
        CHECK(std::isnan(example.dx[0]));
    }
}

TEST_CASE("channel attention names its parameters as PyTorch does and draws them as the paper's tools do") {
    using Op = ChannelAttention<Shape<6, 6, 512>>;
    std::vector<std::string> names;
    std::vector<daf::Init> inits;
    daf::ParametersOf<Op, float> params;
    daf::for_each_field(params, [&](const auto& field, const auto&) {
        names.push_back(field.name);
        inits.push_back(field.init);
    });
    CHECK(names == std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"});
    CHECK(inits[0].kind == daf::Init::Kind::normal);
    CHECK(inits[0].size == doctest::Approx(std::sqrt(2.0 / 512)));
    CHECK(inits[2].kind == daf::Init::Kind::uniform);
    CHECK(inits[2].size == doctest::Approx(std::sqrt(6.0 / (64 + 512))));
    CHECK(daf::parameter_segments<Op> == daf::SegmentSizes{2 * 512 * 64, 512 + 64, 0});
}
