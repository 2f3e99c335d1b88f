// expect: check_shape<daf::arg::dy, daf::Shape<2>, daf::Shape<3> ?>
// expect: this argument must have shape Want, but has shape Got
// errors: 1
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>

using Net = daf::Sequence<daf::Shape<4>, daf::layer::Linear<2>>;
#ifdef DAF_FAIL
using Slopes = daf::Shape<3>;
#else
using Slopes = daf::Shape<2>;
#endif

void pass(daf::Model<Net, daf::Cpu>& model, daf::Batch<daf::Shape<4>, const float> x,
          daf::Batch<Slopes, const float> dy) {
    model.forward_train(x);
    model.backward(x, dy);
}
