// expect: include_kernel<daf::folder::cpu, daf::header::conv2d
// expect: include <daf/Folder/Header.hpp>, named here, or
// errors: 1
#include <daf/cpu/context.hpp>
#include <daf/ops/conv2d.hpp>
#ifndef DAF_FAIL
#include <daf/cpu/conv2d.hpp>
#endif

using Convolution = daf::Conv2d<daf::Shape<6, 6, 3>, 4>;

void call(daf::Cpu& cpu, daf::Batch<Convolution::Input, const float> x,
          daf::Batch<Convolution::Output, float> y, Convolution::Parameters<float> parameters) {
    daf::forward<daf::train>(cpu, Convolution{}, x, y, parameters);
}
