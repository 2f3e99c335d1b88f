// expect: daf: y is deferred, but this kernel cannot make its output from what it saved: give y memory
// errors: 1
#include <daf/cpu/relu.hpp>

using Op = daf::Relu<daf::Shape<4, 4, 3>>;
#ifdef DAF_FAIL
using Map = daf::Deferred<Op, float>;
#else
using Map = daf::Batch<Op::Output, float>;
#endif

void call(daf::Cpu& cpu, daf::Batch<Op::Input, const float> x, const Map& y) {
    daf::forward<daf::train>(cpu, Op{}, x, y);
}
