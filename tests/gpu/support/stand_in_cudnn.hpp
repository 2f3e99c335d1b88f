#pragma once
// What the stand-in for cuDNN's execution has seen.
#include <cstddef>

namespace daf_test {

struct CudnnFigures {
    std::size_t plans = 0, executions = 0;
    std::size_t with_statistics = 0;  // executions
};
const CudnnFigures& cudnn_figures();

/// The next plan that cuDNN can make is refused as where the device has no memory left for it.
void refuse_next_plan();

}  // namespace daf_test
