#pragma once
// What the tests of networks on a device are held to, on daf::Cpu, whose headers are not for nvcc.
#include <daf/ops/conv_bn_relu.hpp>

#include "../../support/bench.hpp"

namespace daf_test {

/// Layers of the presets: of lite behind its last pool, of paper behind its second and third.
using SmallLayer = daf::ConvBnRelu<daf::Shape<6, 6, 64>, 128>;
using LargeLayer = daf::ConvBnRelu<daf::Shape<24, 24, 128>, 256>;
using DeepLayer = daf::ConvBnRelu<daf::Shape<12, 12, 256>, 512>;

/// Benches of a layer in float. Its convolution adds up products as they are, no transforms of them.
template <class Op>
MakeBench on_cpu();

}  // namespace daf_test
