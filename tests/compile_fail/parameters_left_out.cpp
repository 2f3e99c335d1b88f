// expect: check_struct<daf::arg::params, daf::Linear<daf::Shape<8>, 4.*>::Parameters<float.*>, daf::Nothing>
// expect: this argument must be Want, as bind or bind_gradients
// errors: 1
#include <daf/cpu/linear.hpp>

using Layer = daf::Linear<daf::Shape<8>, 4>;

void call(daf::Cpu& cpu, daf::Batch<daf::Shape<8>, const float> x, daf::Batch<daf::Shape<4>, float> y,
          Layer::Parameters<float> parameters) {
#ifdef DAF_FAIL
    static_cast<void>(parameters);
    daf::forward<daf::train>(cpu, Layer{}, x, y);
#else
    daf::forward<daf::train>(cpu, Layer{}, x, y, parameters);
#endif
}
