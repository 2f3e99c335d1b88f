// expect: a same convolution needs an odd kernel size
// errors: 1
#include <daf/ops/conv2d.hpp>

#ifdef DAF_FAIL
using Convolution = daf::Conv2d<daf::Shape<6, 6, 3>, 4, 2>;
#else
using Convolution = daf::Conv2d<daf::Shape<6, 6, 3>, 4, 3>;
#endif

daf::Index kernel() {
    return Convolution::kernel;
}
