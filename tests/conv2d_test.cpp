#include <daf/cpu/conv2d.hpp>
#include <daf/reference/conv2d.hpp>

#include "support/conformance.hpp"
#include "support/convolution_passes.hpp"

using daf::Bias;
using daf::Conv2d;
using daf::Shape;

namespace {

/// body(y, x, weight) with the places of every product that the definition sums.
template <class Body>
void for_each_term(const daf::ConvolutionSize& size, daf::Index count, const Body& body) {
    const auto each = [](daf::Index extent, const auto& inner) {
        for (daf::Index i = 0; i < extent; ++i) inner(i);
    };
    const auto at = [](daf::Index place) { return static_cast<std::size_t>(place); };
    each(count * size.out_area(), [&](daf::Index pixel) {
        const daf::Index n = pixel / size.out_area(), row = pixel % size.out_area() / size.out_width();
        const daf::Index column = pixel % size.out_width();
        each(size.kernel * size.kernel, [&](daf::Index tap) {
            const daf::Index r = row * size.stride + tap / size.kernel - size.kernel / 2;
            const daf::Index c = column * size.stride + tap % size.kernel - size.kernel / 2;
            if (r < 0 || r >= size.height || c < 0 || c >= size.width) return;
            const daf::Index x = (n * size.height + r) * size.width + c;
            each(size.channels, [&](daf::Index i) {
                each(size.features, [&](daf::Index o) {
                    body(at(pixel * size.features + o), at(x * size.channels + i),
                         at((tap * size.channels + i) * size.features + o));
                });
            });
        });
    });
}

/// The direct convolution's passes, by the definition.
void check_by_definition(const daf::ConvolutionSize& size, daf::Index count) {
    const daf_test::Operands of(size, count);
    std::vector<double> y(of.dy.size()), dx(of.x.size()), dweight(of.weight.size());
    for_each_term(size, count, [&](std::size_t at_y, std::size_t at_x, std::size_t at_weight) {
        y[at_y] += of.x[at_x] * of.weight[at_weight];
        dx[at_x] += of.dy[at_y] * of.weight[at_weight];
        dweight[at_weight] += of.x[at_x] * of.dy[at_y];
    });
    const daf_test::Passes<double> passes(of, size, count, {daf::Convolution::direct});
    CHECK(daf_test::error(passes.y, y) <= 1e-13);
    CHECK(daf_test::error(passes.dx, dx) <= 1e-13);
    CHECK(daf_test::error(passes.dweight, dweight) <= 1e-13);
    daf_test::check_same_bits(size, count, {daf::Convolution::direct});
    daf_test::check_ways_of_dx(size, count, {daf::Convolution::direct});
}

}  // namespace

TEST_CASE("a 3x3 convolution keeps every promise") {
    daf_test::conform<Conv2d<Shape<5, 7, 3>, 4>>();
    daf_test::conform<Conv2d<Shape<8, 8, 16>, 16>>();
    daf_test::conform<Conv2d<Shape<3, 3, 20>, 70>>();
    daf_test::conform<Conv2d<Shape<1, 1, 2>, 3>>();
}

TEST_CASE("a first layer's convolution keeps every promise") {
    daf_test::conform<Conv2d<Shape<13, 14, 1>, 16>>();
}

TEST_CASE("kernel sizes, strides and a bias keep every promise") {
    daf_test::conform<Conv2d<Shape<6, 5, 4>, 5, 1>>();
    daf_test::conform<Conv2d<Shape<6, 7, 2>, 1, 7, 1, Bias::per_channel>>();
    daf_test::conform<Conv2d<Shape<8, 6, 3>, 17, 3, 2, Bias::per_channel>>();
    daf_test::conform<Conv2d<Shape<7, 9, 2>, 4, 5, 2>>();
}

TEST_CASE("a map that passes by in several strips gives the sums of the definition") {
    for (const daf::Index stride : {1, 2}) {
        const daf::ConvolutionSize size{70, 45, 2, 48, 3, stride};
        const daf::Index count = 14;
        REQUIRE(daf::cpu::direct_strip_rows<double>(size) < size.out_height());
        REQUIRE(daf::cpu::goes_past_caches<double>(count * size.y_size(), size.features) == (stride == 1));
        check_by_definition(size, count);
    }
}

TEST_CASE("a map so small that all its pixels are multiplied at once gives the sums of the definition") {
    // The last passes by in strips nevertheless. Few images are shared by the threads, many are dealt out.
    for (const daf::ConvolutionSize& size : {daf::ConvolutionSize{3, 3, 20, 33, 3, 1},
                                             {2, 6, 3, 5, 5, 1},
                                             {5, 6, 3, 7, 3, 2},
                                             {3, 4, 3, 7, 3, 2},
                                             {3, 3, 2, 5, 7, 1},
                                             {3, 3, 1, 20000, 1, 1}}) {
        REQUIRE(daf::cpu::joins_pixels(size.out_height(), size.out_width()));
        if (size.kernel == 1) REQUIRE(daf::cpu::direct_strip_rows<double>(size) < size.out_height());
        for (const daf::Index count : {2, 9}) check_by_definition(size, count);
    }
}
