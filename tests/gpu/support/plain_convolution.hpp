#pragma once
// Convolutions as plain loops, in the operands' layouts: what a backend of the tests has in place of cuDNN.
// Sums run in double.
#include <algorithm>
#include <daf/gpu/convolution.hpp>

namespace daf_test {

using daf::Index;

/// body(x's element, w's element, y's element) for every product of a convolution.
template <class Body>
void for_each_product(const daf::ConvolutionSize& size, Index batch, const Body& body) {
    for (Index n = 0; n < batch; ++n) {
        for (Index row = 0; row < size.out_height(); ++row) {
            for (Index column = 0; column < size.out_width(); ++column) {
                const Index out = ((n * size.out_height() + row) * size.out_width() + column) * size.features;
                for (Index ky = 0; ky < size.kernel; ++ky) {
                    for (Index kx = 0; kx < size.kernel; ++kx) {
                        const Index line = row * size.stride + ky - size.kernel / 2;
                        const Index place = column * size.stride + kx - size.kernel / 2;
                        if (line < 0 || line >= size.height || place < 0 || place >= size.width) continue;
                        const Index in = ((n * size.height + line) * size.width + place) * size.channels;
                        const Index tap = (ky * size.kernel + kx) * size.channels;
                        for (Index o = 0; o < size.features; ++o) {
                            for (Index i = 0; i < size.channels; ++i) {
                                body(in + i, o * size.taps() + tap + i, out + o);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Elements of a task's result.
inline Index result_size(const daf::gpu::ConvolutionTask& task) {
    using daf::gpu::Pass;
    if (task.pass == Pass::weight_gradient) return task.size.weights();
    return task.batch * (task.pass == Pass::data_gradient ? task.size.x_size() : task.size.y_size());
}

/// sums: scratch of result_size(task).
template <class T>
void plain_convolution(const daf::gpu::ConvolutionTask& task,
                       const daf::gpu::ConvolutionOperands<T>& operands, double* sums) {
    using daf::gpu::Pass;
    const bool to_data = task.pass == Pass::data_gradient, to_weight = task.pass == Pass::weight_gradient;
    const auto& size = task.size;
    const Index results = result_size(task);
    std::fill_n(sums, results, 0.0);
    for_each_product(size, task.batch, [&](Index x, Index w, Index y) {
        const Index left = to_data ? y : x, right = to_weight ? y : w,
                    result = to_data     ? x
                             : to_weight ? w
                                         : y;
        sums[result] += static_cast<double>(operands.left[left]) * static_cast<double>(operands.right[right]);
    });
    for (Index i = 0; i < results; ++i) {
        double value = sums[i];
        if (task.pass == Pass::forward_bias_relu) {
            value = std::max(value + static_cast<double>(operands.bias[i % size.features]), 0.0);
        }
        operands.result[i] = static_cast<T>(value);
        if (task.pass == Pass::forward_statistics) {
            const auto y = static_cast<float>(operands.result[i]);
            operands.sums[i % size.features] += y;
            operands.squares[i % size.features] += y * y;
        }
    }
}

}  // namespace daf_test
