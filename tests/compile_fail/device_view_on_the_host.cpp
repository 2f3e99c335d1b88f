// expect: check_space<daf::arg::x, daf::Host, daf::Device>
// expect: this argument lies in memory Got, but the context works on memory Want; use ctx.upload or
// errors: 1
#include <daf/cpu/relu.hpp>

using S = daf::Shape<8>;
#ifdef DAF_FAIL
using Space = daf::Device;
#else
using Space = daf::Host;
#endif

void call(daf::Cpu& cpu, daf::Batch<S, const float, Space> x, daf::Batch<S, float> y) {
    daf::forward<daf::train>(cpu, daf::Relu<S>{}, x, y);
}
