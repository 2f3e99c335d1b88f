// expect: check_activations<daf::Cpu, daf::bf16>
// expect: activations of bf16 are for daf::Gpu \(<daf/daf.cuh>\): take float or double on this Backend
// errors: 1
#include <daf/cpu/relu.hpp>

using S = daf::Shape<8>;
#ifdef DAF_FAIL
using T = daf::bf16;
#else
using T = float;
#endif

void call(daf::Cpu& cpu, daf::Batch<S, const T> x, daf::Batch<S, T> y) {
    daf::forward<daf::train>(cpu, daf::Relu<S>{}, x, y);
    daf::backward(cpu, daf::Relu<S>{}, x, y, y, daf::skip);
}
