// expect: dx must be overwrite\(batch\), accumulate\(batch\) or skip, but is Got
// errors: 1
#include <daf/cpu/relu.hpp>

using S = daf::Shape<8>;

void call(daf::Cpu& cpu, daf::Batch<S, const float> y, daf::Batch<S, float> dx) {
#ifdef DAF_FAIL
    daf::backward(cpu, daf::Relu<S>{}, y, y, y, dx);
#else
    daf::backward(cpu, daf::Relu<S>{}, y, y, y, daf::overwrite(dx));
#endif
}
