#include <daf/cpu/conv2d.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include <vector>

#include "support/conformance.hpp"

using daf::Convolution;
using daf::Index;
using daf::Shape;

namespace {

daf_test::Promise by_winograd() {
    daf_test::Promise promise;
    promise.convolution = Convolution::winograd;
    return promise;
}

/// Noise in [-1, 1) that a float holds exactly.
std::vector<double> noise(Index size, std::uint32_t layer, double scale) {
    daf::RandomSequence random(daf::Stream{daf::Seed{4}, 1, layer});
    std::vector<double> values(static_cast<std::size_t>(size));
    for (double& v : values) v = static_cast<double>(static_cast<float>(scale * random.uniform(-1, 1)));
    return values;
}

/// One layer's three passes, by the algorithm that a context is set to.
template <class T>
struct Passes {
    std::vector<T> y, dx, dweight;

    Passes(const daf::cpu::ConvolutionSize& size, Index count, Convolution algorithm, int threads = 2) {
        const auto as_t = [](const std::vector<double>& v) { return std::vector<T>(v.begin(), v.end()); };
        const auto x = as_t(noise(count * size.x_size(), 1, 1)),
                   dy = as_t(noise(count * size.y_size(), 2, 1));
        const auto weight = as_t(noise(size.weights(), 3, 0.1));
        daf::Cpu cpu(daf::Threads{threads});
        cpu.set_convolution(algorithm);
        y.resize(dy.size());
        dx.resize(x.size());
        dweight.resize(weight.size());
        const daf::cpu::ConvolutionForward<T> forward(cpu, size, count);
        daf::cpu::ConvolutionBackward<T> backward(cpu, size, count);
        cpu.reserve(std::max(forward.whole_scratch(threads), backward.scratch(threads)));
        {
            auto frame = cpu.scratch();
            forward.transform_and_run(cpu, frame, weight.data(), size.x_rows(x.data()), y.data(),
                                      [](Index, Index, Index) {});
        }
        auto frame = cpu.scratch();
        backward.run(cpu, frame, weight.data(), size.x_rows(x.data()), size.y_rows(dy.data()), dx.data(),
                     false, dweight.data());
    }
};

template <class T>
double error(const std::vector<T>& got, const std::vector<double>& want) {
    return daf_test::relative_difference(std::vector<double>(got.begin(), got.end()), want);
}

/// The 3x3 layers of a preset from its second on.
std::vector<daf::cpu::ConvolutionSize> layers(Index side, std::initializer_list<Index> widths) {
    std::vector<daf::cpu::ConvolutionSize> all;
    Index in = *widths.begin();
    for (const Index out : widths) {
        for (const Index from : {in, out}) all.push_back({side, side, from, out, 3, 1});
        in = out;
        side /= 2;
    }
    return all;
}

}  // namespace

TEST_CASE("conv by Winograd keeps every promise on maps of any shape") {
    daf_test::conform<daf::Conv2d<Shape<5, 7, 3>, 4>>({}, by_winograd());
    daf_test::conform<daf::Conv2d<Shape<3, 3, 5>, 19, 3, 1, daf::Bias::per_channel>>({}, by_winograd());
    daf_test::conform<daf::Conv2d<Shape<1, 2, 2>, 3>>({}, by_winograd());
}

TEST_CASE("conv + BN + ReLU by Winograd keeps every promise") {
    // Small: an output so near to 0 that float and double rectify it differently would fail the comparison of dx.
    daf_test::conform<daf::ConvBnRelu<Shape<4, 5, 8>, 9>>({}, by_winograd());
    daf_test::conform<daf::ConvBnRelu<Shape<3, 3, 4>, 17>>({}, by_winograd());
}

TEST_CASE("blocks of tiles that are spread over the threads give the same bits as on one") {
    const daf::cpu::ConvolutionSize size{48, 48, 16, 32, 3, 1};
    const Index count = 20;  // more blocks than chunks
    const Passes<float> one(size, count, Convolution::winograd, 1);
    for (const int threads : {2, 3, 4, 8}) {
        const Passes<float> many(size, count, Convolution::winograd, threads);
        CHECK(many.y == one.y);
        CHECK(many.dx == one.dx);
        CHECK(many.dweight == one.dweight);
    }
}

TEST_CASE("Winograd in float stays close to the direct convolution in double on the presets' layers") {
    std::vector<daf::cpu::ConvolutionSize> sizes = layers(48, {16, 32, 64, 128, 128});
    for (const auto& half : layers(48, {32, 64, 128, 256, 256})) sizes.push_back(half);
    for (const auto& paper : layers(96, {64, 128, 256, 512, 512})) sizes.push_back(paper);
    double worst_forward = 0, worst_gradient = 0;
    for (const auto& size : sizes) {
        // Errors grow with the channels and with what a weight's gradient sums over, so large maps need few images.
        for (const Index count : size.height <= 6 ? std::vector<Index>{1, 5} : std::vector<Index>{1}) {
            const Passes<double> exact(size, count, Convolution::direct);
            const Passes<float> fast(size, count, Convolution::winograd);
            const double y = error(fast.y, exact.y), dx = error(fast.dx, exact.dx);
            const double dweight = error(fast.dweight, exact.dweight);
            MESSAGE(size.height, "x", size.width, " ", size.in, "->", size.features, " batch ", count, ": y ",
                    y, " dx ", dx, " dweight ", dweight);
            CHECK(y <= 5e-5);
            CHECK(dx <= 2e-4);
            CHECK(dweight <= 2e-4);
            worst_forward = std::max(worst_forward, y);
            worst_gradient = std::max({worst_gradient, dx, dweight});
        }
    }
    MESSAGE("largest error over largest value: y ", worst_forward, ", gradients ", worst_gradient);
}

TEST_CASE("the rule takes Winograd where it pays") {
    using daf::cpu::Weights;
    using daf::cpu::winograd_pays;
    const daf::cpu::ConvolutionSize large{96, 96, 64, 64, 3, 1}, first{96, 96, 1, 64, 3, 1};
    const daf::cpu::ConvolutionSize deep{6, 6, 512, 512, 3, 1};
    CHECK(winograd_pays<float>(large, 1, Weights::transformed_now));
    CHECK_FALSE(winograd_pays<float>(first, 32, Weights::transformed_now));
    // Four tiles do not pay for 25 transformed weights each.
    CHECK_FALSE(winograd_pays<float>(deep, 1, Weights::transformed_now));
    CHECK(winograd_pays<float>(deep, 32, Weights::transformed_now));
}

TEST_CASE("a context can insist on an algorithm") {
    using daf::cpu::algorithm_for;
    daf::Cpu cpu(daf::Threads{1});
    const daf::cpu::ConvolutionSize large{96, 96, 64, 64, 3, 1}, first{96, 96, 1, 64, 3, 1};
    CHECK(algorithm_for<float>(cpu, large, 1) ==
          (cpu.matrix_tiles() ? Convolution::split : Convolution::winograd));
    CHECK(algorithm_for<double>(cpu, large, 1) == Convolution::winograd);
    CHECK(algorithm_for<float>(cpu, first, 1) == Convolution::direct);
    cpu.set_convolution(Convolution::direct);
    CHECK(algorithm_for<float>(cpu, large, 1) == Convolution::direct);
    cpu.set_convolution(Convolution::winograd);
    CHECK(algorithm_for<float>(cpu, first, 1) == Convolution::winograd);
    CHECK(algorithm_for<float>(cpu, {96, 96, 64, 64, 5, 1}, 32) == Convolution::direct);
    CHECK(algorithm_for<float>(cpu, {96, 96, 64, 64, 3, 2}, 32) == Convolution::direct);
    cpu.set_convolution(Convolution::split);
    CHECK(algorithm_for<float>(cpu, first, 1) == Convolution::split);
    CHECK(algorithm_for<double>(cpu, large, 1) == Convolution::direct);
}
