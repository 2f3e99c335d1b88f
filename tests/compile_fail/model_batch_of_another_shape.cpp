// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<2, 2, 1> ?>
// expect: this argument must have shape Want, but has shape Got
// errors: 1
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>

using Net = daf::Sequence<daf::Shape<4>, daf::layer::Linear<2>>;
#ifdef DAF_FAIL
using Picture = daf::Shape<2, 2, 1>;
#else
using Picture = daf::Shape<4>;
#endif

void pass(daf::Model<Net, daf::Cpu>& model, daf::Batch<Picture, const float> x) {
    model.forward(x);
}
