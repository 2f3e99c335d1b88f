// expect: check_shape<daf::arg::dx, daf::Shape<8>, daf::Shape<9> ?>
// errors: 1
#include <daf/cpu/relu.hpp>

using S = daf::Shape<8>;
#ifdef DAF_FAIL
using Given = daf::Shape<9>;
#else
using Given = S;
#endif

void call(daf::Cpu& cpu, daf::Batch<S, const float> y, daf::Batch<Given, float> dx) {
    daf::backward(cpu, daf::Relu<S>{}, y, y, y, daf::overwrite(dx));
}
