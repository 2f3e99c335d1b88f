#pragma once
// The shapes of a convolution as its run-time-sized cores take them.
#include <daf/cpu/context.hpp>

namespace daf::cpu {

struct ConvolutionSize {
    Index height, width, in;  // of x
    Index features;
    Index kernel, stride;

    constexpr Index out_height() const { return (height - 1) / stride + 1; }
    constexpr Index out_width() const { return (width - 1) / stride + 1; }
    constexpr Index out_area() const { return out_height() * out_width(); }
    constexpr Index border() const { return kernel - 1; }  // both sides together
    constexpr Index x_size() const { return height * width * in; }
    constexpr Index y_size() const { return out_area() * features; }
    constexpr Index weights() const { return kernel * kernel * in * features; }
    constexpr Index padded_x() const { return (height + border()) * (width + border()) * in; }
};

template <class Op>
constexpr ConvolutionSize convolution_size() {
    return {Op::Input::height,    Op::Input::width, Op::Input::channels,
            Op::Output::channels, Op::kernel,       Op::stride};
}

}  // namespace daf::cpu
