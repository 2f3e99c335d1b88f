#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/conformance.hpp"

using daf::ConvBnRelu;
using daf::Shape;

TEST_CASE("conv + BN + ReLU in one keeps every promise") {
    daf_test::conform<ConvBnRelu<Shape<5, 7, 3>, 4>>();
    daf_test::conform<ConvBnRelu<Shape<6, 6, 16>, 32>>();
    daf_test::conform<ConvBnRelu<Shape<3, 3, 5>, 19>>();
}

TEST_CASE("a first layer's conv + BN + ReLU keeps every promise") {
    daf_test::conform<ConvBnRelu<Shape<12, 12, 1>, 8>>();
}

TEST_CASE("conv + BN + ReLU refuses to train where a channel has a single value") {
    using Op = ConvBnRelu<Shape<1, 1, 2>, 3>;
    daf::Cpu cpu(daf::Threads{1});
    daf_test::Workbench<Op, float, daf::Cpu> bench(cpu, Op{}, 1, 1);
    CHECK_THROWS_WITH_AS(bench.forward_train(),
                         "conv_bn_relu: training needs at least 2 images, got 1: give it more",
                         daf::ArgumentError);
    bench.forward_eval();
}
