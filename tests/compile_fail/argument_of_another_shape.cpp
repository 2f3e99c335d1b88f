// expect: check_shape<daf::arg::y, daf::Shape<6, 6, 512>, daf::Shape<3, 3, 512> ?>
// expect: this argument must have shape Want, but has shape Got
// errors: 1
#include <daf/cpu/relu.hpp>

using Map = daf::Shape<6, 6, 512>;
#ifdef DAF_FAIL
using Out = daf::Shape<3, 3, 512>;
#else
using Out = Map;
#endif

void call(daf::Cpu& cpu, daf::Batch<Map, const float> x, daf::Batch<Out, float> y) {
    daf::forward<daf::train>(cpu, daf::Relu<Map>{}, x, y);
}
