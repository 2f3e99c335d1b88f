// expect: check_activations<daf::Cpu, daf::bf16>
// expect: activations of bf16 are for daf::Gpu \(<daf/daf.cuh>\): take float or double on this Backend
// errors: 1
#include <daf/cpu/relu.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>

using Net = daf::Sequence<daf::Shape<8>, daf::layer::Relu>;
#ifdef DAF_FAIL
using T = daf::bf16;
#else
using T = float;
#endif

void call(daf::Cpu& cpu, daf::Batch<daf::Shape<8>, const T> x) {
    daf::Model<Net, daf::Cpu, T> model(cpu, daf::max_batch(2), daf::Seed{1});
    model.forward(x);
}
