// expect: check_element<daf::arg::y, float, double>
// expect: this argument must have elements Want, but has Got: activations have those of x
// errors: 1
#include <daf/cpu/relu.hpp>

using S = daf::Shape<8>;
#ifdef DAF_FAIL
using T = double;
#else
using T = float;
#endif

void call(daf::Cpu& cpu, daf::Batch<S, const float> x, daf::Batch<S, T> y) {
    daf::forward<daf::train>(cpu, daf::Relu<S>{}, x, y);
}
