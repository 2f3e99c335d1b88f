#include <daf/cpu/spatial_attention.hpp>
#include <daf/reference/spatial_attention.hpp>

#include "support/conformance.hpp"

using daf::Shape;
using daf::SpatialAttention;

TEST_CASE("spatial attention keeps every promise") {
    daf_test::conform<SpatialAttention<Shape<5, 7, 6>, 3>>();
    daf_test::conform<SpatialAttention<Shape<1, 1, 1>, 1>>();
    daf_test::conform<SpatialAttention<Shape<2, 9, 37>, 7>>();  // the kernel reaches over both edges at once
    daf_test::conform<SpatialAttention<Shape<9, 2, 16>, 5>>();
}

TEST_CASE("spatial attention keeps them at the sizes of the networks") {
    daf_test::Promise few;
    few.batches = {1, 18};
    few.seeds = {1};
    daf_test::conform<SpatialAttention<Shape<6, 6, 512>>>({}, few);
    daf_test::conform<SpatialAttention<Shape<3, 3, 128>>>({}, few);
}

namespace {

// One image of two positions side by side, a and b, with two channels, under a 3x3 kernel.
//
//   x   a (1, 3)   b (2, 2)       mean a 2, b 2   max a 3 (channel 1), b 2 (a tie, so channel 0)
struct Example {
    using Map = Shape<1, 2, 2>;
    using Op = SpatialAttention<Map, 3>;
    double x[4] = {1, 3, 2, 2}, y[4] = {}, dy[4] = {1, 1, 8.0 / 3, 0}, dx[4] = {};
    double slab[19] = {}, gradient_slab[19] = {};
    alignas(64) std::byte saved_memory[daf::saved_bytes<Op, double>(1)] = {};
    daf::ParametersOf<Op, double> params = daf::bind<Op>(std::span<double>(slab));
    daf::GradientsOf<Op, double> gradients = daf::bind_gradients<Op>(std::span<double>(gradient_slab));

    auto saved() { return daf::bind_saved<Op, double>(saved_memory, 1); }
    double& weight(int ky, int kx, int pool) { return params.conv_weight[2 * (3 * ky + kx) + pool]; }

    template <class Backend>
    void forward(Backend& ctx) {
        daf::forward<daf::train>(ctx, Op{}, daf::batch_of<Map>(x), daf::batch_of<Map>(y), params, saved());
    }
    template <class Backend>
    void backward(Backend& ctx) {
        daf::backward(ctx, Op{}, daf::batch_of<Map>(x), daf::batch_of<Map>(y), daf::batch_of<Map>(dy),
                      daf::overwrite(daf::batch_of<Map>(dx)), params, gradients, saved());
    }
};

void check_equal(const double* got, std::initializer_list<double> want) {
    for (const double value : want) CHECK(*got++ == doctest::Approx(value).epsilon(1e-12));
}

}  // namespace

TEST_CASE_TEMPLATE("spatial attention is Eq 3, by hand", Backend, daf::Reference, daf::Cpu) {
    Backend ctx;
    Example example;
    for (double& outside : example.slab) outside = 100;  // the kernel's upper and lower row meet no position
    const double left = std::log(3.0) / 3;
    example.weight(1, 0, 0) = 0, example.weight(1, 0, 1) = left;  // on the left neighbour's mean, max
    example.weight(1, 1, 0) = 1, example.weight(1, 1, 1) = -1;    // on the position itself
    example.weight(1, 2, 0) = 0.5, example.weight(1, 2, 1) = 0;   // on the right neighbour
    example.params.conv_bias[0] = 0;
    example.forward(ctx);
    // a: 2 - 3 + 0.5 * 2 = 0, gate 1/2.   b: 2 - 2 + left * 3 = ln 3, gate 3/4.
    check_equal(example.y, {0.5, 1.5, 1.5, 1.5});

    // dgate: a 1 + 3 = 4, b 2 * 8/3 = 16/3; before the sigmoid 4 * 1/4 = 1 and 16/3 * 3/16 = 1.
    example.backward(ctx);
    check_equal(example.gradients.conv_bias.data(), {1 + 1});
    check_equal(example.gradients.conv_weight.data(),
                {0, 0, 0, 0, 0, 0,          // above: nothing there
                 2, 3, 2 + 2, 3 + 2, 2, 2,  // b's left: a.  a and b themselves.  a's right: b
                 0, 0, 0, 0, 0, 0});
    // By the mean: a 1 + 0 (b's left), b 1 + 0.5 (a's right).   By the max: a -1 + left, b -1 + 0.
    // dx = gate dy + half of the first + the second at the maximum.
    check_equal(example.dx, {0.5 + 0.5, 0.5 + 0.5 - 1 + left, 2 + 0.75 - 1, 0.75});
}

TEST_CASE_TEMPLATE("spatial attention does not hide a NaN", Backend, daf::Reference, daf::Cpu) {
    for (const int at : {0, 1}) {
        Backend ctx;
        Example example;
        example.weight(1, 0, 0) = 1;
        example.x[at] = std::numeric_limits<double>::quiet_NaN();
        example.forward(ctx);
        for (const double y : example.y) CHECK(std::isnan(y));  // b's left neighbour is a
        example.backward(ctx);
        CHECK(std::isnan(example.dx[0]));
        CHECK(std::isnan(example.gradients.conv_bias[0]));
    }
}

TEST_CASE("spatial attention names its parameters as PyTorch does, in PyTorch's layout") {
    using Op = SpatialAttention<Shape<6, 6, 512>>;
    std::vector<std::string> names;
    std::vector<daf::Init> inits;
    daf::ParametersOf<Op, float> params;
    daf::for_each_field(params, [&](const auto& field, const auto&) {
        names.push_back(field.name);
        inits.push_back(field.init);
    });
    CHECK(names == std::vector<std::string>{"conv.weight", "conv.bias"});
    CHECK(get<0>(params.fields()).layout.rank == 4);
    CHECK(inits[0].kind == daf::Init::Kind::uniform);
    CHECK(inits[0].size == doctest::Approx(std::sqrt(6.0 / (3 * 49))));
    CHECK(daf::parameter_segments<Op> == daf::SegmentSizes{98, 1, 0});
}

TEST_CASE("memory that is too small for the saved tensors, or lies across cache lines, is refused") {
    using Op = daf::SpatialAttention<Shape<4, 5, 3>>;
    constexpr daf::Index needed = daf::saved_bytes<Op, float>(2);
    const daf::HostMemory enough(needed), small(needed - 1);
    CHECK_NOTHROW(daf::bind_saved<Op, float>(enough, 2));
    CHECK_THROWS_WITH_AS((daf::bind_saved<Op, float>(small, 2)),
                         doctest::Contains(("2 images need " + std::to_string(needed) +
                                            " bytes, but the memory has " + std::to_string(needed - 1))
                                               .c_str()),
                         daf::ArgumentError);
    const daf::HostMemory larger(needed + 64);
    const std::span<std::byte> shifted(larger.data() + 4, static_cast<std::size_t>(needed));
    CHECK_THROWS_WITH_AS((daf::bind_saved<Op, float>(shifted, 2)), doctest::Contains("aligned to 64 bytes"),
                         daf::ArgumentError);
}
