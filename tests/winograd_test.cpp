#include <daf/cpu/conv2d.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/convolution_passes.hpp"

using daf::Convolution;
using daf::Index;
using daf::Shape;
using daf_test::Passes;

namespace {

daf_test::Promise by_winograd() {
    daf_test::Promise promise;
    promise.convolution = Convolution::winograd;
    return promise;
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
    daf_test::check_same_bits({48, 48, 16, 32, 3, 1}, 20, Convolution::winograd);  // more blocks than chunks
}

TEST_CASE("Winograd in float stays close to the direct convolution in double on the presets' layers") {
    daf_test::check_errors_on_presets(Convolution::winograd);
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
    using daf::cpu::Weights;
    daf::Cpu cpu(daf::Threads{1});
    const daf::cpu::ConvolutionSize large{96, 96, 64, 64, 3, 1}, first{96, 96, 1, 64, 3, 1};
    CHECK(algorithm_for<float>(cpu, large, 1) == Convolution::winograd);
    CHECK(algorithm_for<float>(cpu, large, 1, Weights::transformed_before) ==
          (cpu.matrix_tiles() ? Convolution::split : Convolution::winograd));
    CHECK(algorithm_for<float>(cpu, {48, 48, 16, 16, 3, 1}, 32, Weights::transformed_before) !=
          Convolution::split);
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
