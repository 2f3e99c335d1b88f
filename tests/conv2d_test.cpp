#include <daf/cpu/conv2d.hpp>
#include <daf/reference/conv2d.hpp>

#include "support/conformance.hpp"

using daf::Bias;
using daf::Conv2d;
using daf::Shape;

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
