// expect: daf: x is deferred, but this kernel reads x in memory: write_out it first
// errors: 1
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/cpu/relu.hpp>

using Conv = daf::ConvBnRelu<daf::Shape<4, 4, 3>, 8>;
using S = Conv::Output;
#ifdef DAF_FAIL
using Map = daf::Deferred<Conv, float>;
#else
using Map = daf::Batch<S, const float>;
#endif

void call(daf::Cpu& cpu, const Map& x, daf::Batch<S, float> y) {
    daf::forward<daf::train>(cpu, daf::Relu<S>{}, x, y);
}
