#include <daf/cpu/dual_attention.hpp>
#include <daf/reference/dual_attention.hpp>

#include "support/conformance.hpp"

using daf::Arrangement;
using daf::DualAttention;
using daf::Hidden;
using daf::Shape;

TEST_CASE("dual attention keeps every promise in each arrangement") {
    daf_test::conform<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::channel_first>>();
    daf_test::conform<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::spatial_first>>();
    daf_test::conform<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::parallel>>();
}

TEST_CASE("dual attention keeps them at one position, one channel, and beside the SIMD width") {
    daf_test::conform<DualAttention<Shape<1, 1, 8>, 4, 1, Arrangement::channel_first>>();
    daf_test::conform<DualAttention<Shape<3, 2, 1>, 1, 3, Arrangement::spatial_first>>();
    daf_test::conform<DualAttention<Shape<4, 2, 39>, 3, 7, Arrangement::parallel>>();
}

TEST_CASE("dual attention keeps them with other hidden activations") {
    daf_test::conform<DualAttention<Shape<3, 4, 8>, 4, 3, Arrangement::channel_first, Hidden::sigmoid>>();
    daf_test::conform<DualAttention<Shape<3, 4, 8>, 4, 3, Arrangement::spatial_first, Hidden::identity>>();
}

TEST_CASE("dual attention keeps them at the sizes of the networks") {
    daf_test::Promise few;
    few.batches = {1, 18};
    few.seeds = {1};
    daf_test::conform<DualAttention<Shape<6, 6, 512>>>({}, few);
    daf_test::conform<DualAttention<Shape<3, 3, 128>>>({}, few);
}

namespace {

template <class Operator>
struct Example {
    using Op = Operator;
    using Map = typename Op::Input;
    double x[4] = {1, 4, 3, 4}, y[4] = {};
    double slab[10] = {};
    alignas(64) std::byte saved_memory[daf::saved_bytes<Op, double>(1)] = {};
    daf::ParametersOf<Op, double> params = daf::bind<Op>(std::span<double>(slab));

    template <class Backend>
    void forward(Backend& ctx) {
        daf::forward<daf::train>(ctx, Op{}, daf::batch_of<Map>(x), daf::batch_of<Map>(y), params,
                                 daf::bind_saved<Op, double>(saved_memory, 1));
    }
};

// Two positions a (1, 4), b (3, 4); one hidden unit; a 1x1 kernel.
template <Arrangement A>
using SmallExample = Example<DualAttention<Shape<1, 2, 2>, 2, 1, A>>;

// Gates of 1/2 and 3/4, both ways: y = x * (1/2, 3/4 by channel) * (a 1/2, b 3/4).
void check_gated(const double* y) {
    const double want[4] = {1 * 0.25, 4 * 0.375, 3 * 0.375, 4 * 0.5625};
    for (int i = 0; i < 4; ++i) CHECK(y[i] == doctest::Approx(want[i]).epsilon(1e-12));
}

const double ln3 = std::log(3.0);  // sigmoid(ln 3) = 3/4

}  // namespace

TEST_CASE_TEMPLATE("dual attention is Eq 4-5, channel first, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    SmallExample<Arrangement::channel_first> example;
    auto& params = example.params;
    // avg (2, 4), max (3, 4); hidden 2 - 2 + 0.5 = 0.5 and 3 - 2 + 0.5 = 1.5, together 2.
    params.fc1_weight[0] = 1, params.fc1_weight[1] = -0.5, params.fc1_bias[0] = 0.5;
    params.fc2_weight[0] = 1, params.fc2_bias[0] = -1;               // 2 - 2 = 0
    params.fc2_weight[1] = 0.5, params.fc2_bias[1] = (ln3 - 1) / 2;  // 1 + ln 3 - 1 = ln 3
    // x' = a (0.5, 3), b (1.5, 3): mean 1.75 and 2.25, max 3 and 3.
    params.conv_weight[0] = 2 * ln3, params.conv_weight[1] = ln3;
    params.conv_bias[0] = -6.5 * ln3;  // a 3.5 + 3 - 6.5 = 0, b 4.5 + 3 - 6.5 = 1
    example.forward(ctx);
    check_gated(example.y);
}

TEST_CASE_TEMPLATE("dual attention, spatial first, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    SmallExample<Arrangement::spatial_first> example;
    auto& params = example.params;
    // mean 2.5 and 3.5, max 4 and 4.
    params.conv_weight[0] = ln3, params.conv_weight[1] = ln3;
    params.conv_bias[0] = -6.5 * ln3;  // a 2.5 + 4 - 6.5 = 0, b 3.5 + 4 - 6.5 = 1
    // x' = a (0.5, 2), b (2.25, 3): avg (1.375, 2.5), max (2.25, 3).
    params.fc1_weight[0] = 1, params.fc1_weight[1] = -0.5;
    params.fc1_bias[0] = 0.0625;                                       // 0.1875 and 0.8125, together 1
    params.fc2_weight[0] = 1, params.fc2_bias[0] = -0.5;               // 1 - 1 = 0
    params.fc2_weight[1] = 0.5, params.fc2_bias[1] = (ln3 - 0.5) / 2;  // 0.5 + ln 3 - 0.5 = ln 3
    example.forward(ctx);
    check_gated(example.y);
}

TEST_CASE_TEMPLATE("dual attention, parallel, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    SmallExample<Arrangement::parallel> example;
    auto& params = example.params;
    params.fc1_weight[0] = 1, params.fc1_weight[1] = -0.5, params.fc1_bias[0] = 0.5;  // as channel first
    params.fc2_weight[0] = 1, params.fc2_bias[0] = -1;
    params.fc2_weight[1] = 0.5, params.fc2_bias[1] = (ln3 - 1) / 2;
    params.conv_weight[0] = ln3, params.conv_weight[1] = ln3,
    params.conv_bias[0] = -6.5 * ln3;  // as spatial first
    example.forward(ctx);
    check_gated(example.y);
}

namespace {

/// Cpu against Reference on a map as ReLU leaves it: whole numbers, many of them 0, so that most maxima are
/// ties.
template <Arrangement A>
void check_ties() {
    using Op = DualAttention<Shape<4, 5, 8>, 2, 3, A>;
    daf::Cpu cpu(daf::Threads{2});
    daf::Reference reference;
    daf_test::Workbench<Op, double, daf::Cpu> bench(cpu, {}, 6, 9);
    daf_test::Workbench<Op, double, daf::Reference> oracle(reference, {}, 6, 9);
    daf::RandomSequence random(daf::Stream{daf::Seed{9}, 0, 0});
    for (daf::Index i = 0; i < bench.x.size(); ++i) {
        const bool dark = i / 8 % 3 == 0;  // every third position: all channels equal
        bench.x[i] = oracle.x[i] = dark ? 0 : std::max(0.0, random.below(4) - 1.0);
    }
    daf_test::check_close(daf_test::run(bench), daf_test::run(oracle), 1e-12);
}

}  // namespace

TEST_CASE("the first of equal maxima takes the gradient in every arrangement") {
    check_ties<Arrangement::channel_first>();
    check_ties<Arrangement::spatial_first>();
    check_ties<Arrangement::parallel>();
}

TEST_CASE_TEMPLATE("dual attention says which tensor was not given", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    SmallExample<Arrangement::channel_first> example;
    using Op = decltype(example)::Op;
    using Map = Op::Input;
    const auto x = daf::batch_of<Map>(example.x), y = daf::batch_of<Map>(example.y);
    const auto saved = daf::bind_saved<Op, double>(example.saved_memory, 1);
    CHECK_THROWS_WITH_AS(
        daf::forward<daf::train>(ctx, Op{}, x, y, example.params, daf::SavedOf<Op, double>{}),
        "dual_attention: saved tensor `channel_pools` is null: bind it to memory", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(
        daf::backward(ctx, Op{}, x, y, y, daf::skip, example.params, daf::GradientsOf<Op, double>{}, saved),
        "dual_attention: gradient `fc1.weight` is null: bind it", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(
        daf::forward<daf::train>(ctx, Op{}, x, y, example.params,
                                 daf::bind_saved<Op, double>(example.saved_memory, 0)),
        "dual_attention: saved tensor `channel_pools` has room for 0 images, but the batch holds 1",
        daf::ArgumentError);
    auto params = example.params;
    params.conv_weight = {};
    CHECK_THROWS_WITH_AS(daf::forward<daf::train>(ctx, Op{}, x, y, params, saved),
                         "dual_attention: parameter `conv.weight` is null: bind it to memory",
                         daf::ArgumentError);
}

TEST_CASE("dual attention holds the parameters of both parts, as PyTorch names them") {
    using Op = DualAttention<Shape<6, 6, 512>>;
    std::vector<std::string> names;
    daf::ParametersOf<Op, float> params;
    daf::for_each_field(params, [&](const auto& field, const auto&) { names.push_back(field.name); });
    CHECK(names == std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "conv.weight",
                                            "conv.bias"});
    CHECK(daf::parameter_segments<Op> == daf::SegmentSizes{2 * 512 * 64 + 98, 512 + 64 + 1, 0});
}
