#pragma once
// What the stand-in for cuDNN's execution has seen.
#include <cstddef>

namespace daf_test {

struct CudnnFigures {
    std::size_t plans = 0, executions = 0;
};
const CudnnFigures& cudnn_figures();

}  // namespace daf_test
