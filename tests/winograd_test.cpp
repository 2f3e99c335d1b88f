#include <daf/cpu/conv2d.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/convolution_passes.hpp"

using daf::Convolution;
using daf::Index;
using daf::Shape;
using daf::cpu::WinogradTile;

namespace {

daf_test::Promise by_winograd() {
    daf_test::Promise promise;
    promise.convolution = Convolution::winograd;
    return promise;
}

/// What output i makes of tap t and input j, by a way of convolving a row of them.
template <class Way>
double product(int i, int t, int j) {
    double sum = 0;
    for (int k = 0; k < Way::points; ++k)
        sum += Way::Output::at(i, k) * Way::Weight::at(k, t) * Way::Input::at(k, j);
    return sum;
}

}  // namespace

TEST_CASE("a tile's row is the plain sum over three taps") {
    const auto check = [&]<class Way>(Way) {
        for (int i = 0; i < Way::outputs; ++i) {
            for (int t = 0; t < 3; ++t) {
                for (int j = 0; j < Way::points; ++j)
                    CHECK(product<Way>(i, t, j) == doctest::Approx(j == i + t ? 1 : 0));
            }
        }
    };
    check(daf::cpu::winograd::Tile<2>{});
    check(daf::cpu::winograd::Tile<3>{});
    check(daf::cpu::winograd::Tile<4>{});
    check(daf::cpu::winograd::Tile<6>{});
}

TEST_CASE("a whole row of three is the plain sum over three taps, what lies beyond it being zero") {
    using daf::cpu::winograd::WholeMap;
    for (int i = 0; i < 3; ++i) {
        for (int t = 0; t < 3; ++t) {
            for (int j = 0; j < 3; ++j)
                CHECK(product<WholeMap>(i, t, j) == doctest::Approx(j == i + t - 1 ? 1 : 0));
        }
    }
}

TEST_CASE("conv by Winograd keeps every promise on maps of any shape") {
    daf_test::conform<daf::Conv2d<Shape<5, 7, 3>, 4>>({}, by_winograd());
    daf_test::conform<daf::Conv2d<Shape<3, 3, 5>, 19, 3, 1, daf::Bias::per_channel>>({}, by_winograd());
    daf_test::conform<daf::Conv2d<Shape<1, 2, 2>, 3>>({}, by_winograd());
}

TEST_CASE("conv + BN + ReLU by Winograd keeps every promise") {
    // Small: an output so near to 0 that float and double rectify it differently would fail the comparison of
    // dx.
    daf_test::conform<daf::ConvBnRelu<Shape<4, 5, 8>, 9>>({}, by_winograd());
    daf_test::conform<daf::ConvBnRelu<Shape<3, 3, 4>, 17>>({}, by_winograd());
}

TEST_CASE("the passes by any tile keep every shape") {
    for (const Index tile : {2, 3, 4, 6}) {
        CAPTURE(tile);
        for (const daf::ConvolutionSize& size :
             {daf::ConvolutionSize{5, 7, 3, 4, 3, 1}, {1, 2, 5, 19, 3, 1}, {13, 12, 20, 33, 3, 1}}) {
            daf_test::check_as_direct(size, 3, {Convolution::winograd, tile});
        }
    }
}

TEST_CASE("however many channels remain that fill no packet, the passes are the direct ones") {
    constexpr Index lanes = daf::cpu::lanes<double>;
    for (Index rest = 1; rest < lanes; ++rest) {
        const daf::ConvolutionSize size{7, 9, lanes + rest, 2 * lanes - rest, 3, 1};
        const Index count = rest == 1 ? 400 : 2;
        CAPTURE(rest);
        // The first one's gradients are sums of chunks.
        const auto tiling = daf::cpu::WinogradTiling::of(
            size, count, 6,
            {size.channels + size.features, std::max(size.channels, size.features), 2, sizeof(double)});
        if (rest == 1) REQUIRE(tiling.chunks > 1);
        daf_test::check_as_direct(size, count, {Convolution::winograd, 6});
    }
}

TEST_CASE("the passes by whole maps are those by their pixels") {
    for (const daf::ConvolutionSize& size :
         {daf::ConvolutionSize{3, 3, 1, 2, 3, 1}, {3, 3, 20, 33, 3, 1}, {3, 3, 210, 220, 3, 1}}) {
        daf_test::check_as_direct(size, 70, {Convolution::winograd, WinogradTile::whole_map()});
        daf_test::check_same_bits(size, 70, {Convolution::winograd, WinogradTile::whole_map()});
    }
    // The last were by slices; these are many blocks, which threads take whole.
    daf_test::check_same_bits({3, 3, 20, 33, 3, 1}, 3000, {Convolution::winograd, WinogradTile::whole_map()});
}

TEST_CASE("a tile is transformed to the same bits by pairs of columns as in two steps") {
    namespace winograd = daf::cpu::winograd;
    using P = daf::cpu::Packet<float>;
    constexpr Index lanes = daf::cpu::lanes<float>;
    const auto check = [&]<class Mat>(Mat) {
        constexpr Index in_points = Mat::columns * Mat::columns, out_points = Mat::rows * Mat::rows;
        const auto noise = daf_test::noise(in_points * lanes, 7, 1);
        const std::vector<float> in(noise.begin(), noise.end());
        const auto made_by = [&](const auto& transform) {
            std::vector<float> out(static_cast<std::size_t>(out_points * lanes));
            transform(
                winograd::Square<const float>{in.data(), Mat::columns * lanes, lanes},
                winograd::Square<float>{out.data(), Mat::rows * lanes, lanes},
                [](const float* at) { return daf::cpu::packet::ploadu<P>(at); },
                [](float* at, const P& value) { daf::cpu::packet::pstoreu(at, value); });
            return out;
        };
        const auto by_pairs = [](const auto&... a) {
            daf::cpu::detail::unroll<winograd::RowPairs<Mat>::count>(
                [&](auto pair) { winograd::detail::transform_pair<Mat, P, pair>(a...); });
        };
        CHECK(made_by(by_pairs) ==
              made_by([](const auto&... a) { winograd::detail::transform_in_two_steps<Mat, P>(a...); }));
    };
    check(winograd::matrix::Input<2>{});
    check(winograd::matrix::Input<3>{});
    check(winograd::matrix::Input<4>{});
    check(winograd::matrix::Input<6>{});
    check(winograd::matrix::Transposed<winograd::matrix::Output<3>>{});
    check(winograd::matrix::Transposed<winograd::matrix::Output<6>>{});
}

TEST_CASE("Winograd in float stays close to the direct convolution in double on the presets' layers") {
    daf_test::check_errors_on_presets({{Convolution::winograd, 2},
                                       {Convolution::winograd, 3},
                                       {Convolution::winograd, 4},
                                       {Convolution::winograd, 6}});
    for (const Index channels : {128, 256}) {
        for (const Index count : {1, 5}) {
            daf_test::check_errors({3, 3, channels, channels, 3, 1}, count,
                                   {{Convolution::winograd, WinogradTile::whole_map()}});
        }
    }
}

TEST_CASE("the rule takes Winograd where it pays, and the tile that costs least") {
    using daf::cpu::ConvolutionCost;
    using daf::cpu::Weights;
    const auto tile_if_it_pays = [](const daf::ConvolutionSize& size, Index count) {
        const ConvolutionCost<float> cost{size, count, Weights::transformed_now};
        const WinogradTile tile = winograd_tile(cost);
        return cost.winograd(tile) < cost.direct() ? tile : WinogradTile(0);
    };
    const daf::ConvolutionSize large{96, 96, 64, 64, 3, 1}, first{96, 96, 1, 64, 3, 1};
    const daf::ConvolutionSize deep{6, 6, 512, 512, 3, 1}, small{3, 3, 128, 128, 3, 1};
    CHECK(tile_if_it_pays(large, 1) == 6);
    CHECK(tile_if_it_pays(first, 32) == 0);
    // The more images there are for its many weights, the larger the tile.
    CHECK(tile_if_it_pays(deep, 1) == 2);
    CHECK(tile_if_it_pays(deep, 8) == 3);
    CHECK(tile_if_it_pays(deep, 64) == 6);
    CHECK(tile_if_it_pays(small, 128) == WinogradTile::whole_map());
    CHECK(tile_if_it_pays({3, 4, 128, 128, 3, 1}, 128) != WinogradTile::whole_map());
    CHECK(tile_if_it_pays({4, 3, 128, 128, 3, 1}, 128) != WinogradTile::whole_map());
    CHECK(tile_if_it_pays(small, 1) == 0);  // 9 weights for each pair of channels are fewer than 16
}

TEST_CASE("a context can insist on an algorithm") {
    using daf::cpu::Weights;
    const auto algorithm_of = [](const daf::Cpu& ctx, const daf::ConvolutionSize& size, Index count,
                                 Weights weights = Weights::transformed_now) {
        return daf::cpu::choose_convolution<float>(ctx, size, count, weights).algorithm;
    };
    daf::Cpu cpu(daf::Threads{1});
    const daf::ConvolutionSize large{96, 96, 64, 64, 3, 1}, first{96, 96, 1, 64, 3, 1};
    CHECK(algorithm_of(cpu, large, 1) == Convolution::winograd);
    CHECK(algorithm_of(cpu, large, 1, Weights::transformed_before) ==
          (cpu.matrix_tiles() ? Convolution::split : Convolution::winograd));
    CHECK(algorithm_of(cpu, {48, 48, 16, 16, 3, 1}, 32, Weights::transformed_before) != Convolution::split);
    CHECK(daf::cpu::choose_convolution<double>(cpu, large, 1).algorithm == Convolution::winograd);
    CHECK(algorithm_of(cpu, first, 1) == Convolution::direct);
    cpu.set_convolution(Convolution::direct);
    CHECK(algorithm_of(cpu, large, 1) == Convolution::direct);
    cpu.set_convolution(Convolution::winograd);
    CHECK(algorithm_of(cpu, first, 1) == Convolution::winograd);
    CHECK(algorithm_of(cpu, {96, 96, 64, 64, 5, 1}, 32) == Convolution::direct);
    CHECK(algorithm_of(cpu, {96, 96, 64, 64, 3, 2}, 32) == Convolution::direct);
    if (daf::cpu::needs_matrix_tiles && !cpu.matrix_tiles()) {
        CHECK_THROWS_WITH_AS(cpu.set_convolution(Convolution::split),
                             "Cpu: split: this build multiplies on matrix tiles, which the system does not "
                             "grant: take Convolution::automatic",
                             daf::Error);
        return;
    }
    cpu.set_convolution(Convolution::split);
    CHECK(algorithm_of(cpu, first, 1) == Convolution::split);
    CHECK(daf::cpu::choose_convolution<double>(cpu, large, 1).algorithm == Convolution::direct);
}
