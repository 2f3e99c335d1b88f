// expect: daf: dy is deferred, but this kernel reads dy in memory: run the backward pass that makes it
// errors: 1
#include <daf/cpu/max_pool.hpp>
#include <daf/cpu/relu.hpp>

using S = daf::Shape<4, 4, 3>;
using Pool = daf::MaxPool<S>;
#ifdef DAF_FAIL
using Gradient = daf::DeferredGradient<Pool, float>;
#else
using Gradient = daf::Batch<S, const float>;
#endif

void call(daf::Cpu& cpu, daf::Batch<S, const float> y, const Gradient& dy, daf::Batch<S, float> dx) {
    daf::backward(cpu, daf::Relu<S>{}, y, y, dy, daf::overwrite(dx));
}
