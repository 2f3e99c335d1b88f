#pragma once
// The shapes of a convolution, for kernels that take sizes at run time.
#include <compare>
#include <daf/core/host_device.hpp>
#include <daf/core/shape.hpp>

namespace daf {

/// Of a "same" convolution: maps (height, width, channels) to (ceil(height/stride), ceil(width/stride),
/// features).
struct ConvolutionSize {
    Index height, width, channels;  // of x
    Index features;
    Index kernel, stride;

    DAF_HOST_DEVICE constexpr Index out_height() const { return (height - 1) / stride + 1; }
    DAF_HOST_DEVICE constexpr Index out_width() const { return (width - 1) / stride + 1; }
    DAF_HOST_DEVICE constexpr Index out_area() const { return out_height() * out_width(); }
    DAF_HOST_DEVICE constexpr Index x_size() const { return height * width * channels; }
    DAF_HOST_DEVICE constexpr Index y_size() const { return out_area() * features; }
    /// Weights of one feature.
    DAF_HOST_DEVICE constexpr Index taps() const { return kernel * kernel * channels; }
    DAF_HOST_DEVICE constexpr Index weights() const { return taps() * features; }
    /// Rows and columns of zeros round x, both sides together.
    DAF_HOST_DEVICE constexpr Index border() const { return kernel - 1; }
    friend constexpr auto operator<=>(const ConvolutionSize&, const ConvolutionSize&) = default;
};

/// Of an operator with maps, a kernel and a stride.
template <class Op>
constexpr ConvolutionSize convolution_size() {
    return {Op::Input::height,    Op::Input::width, Op::Input::channels,
            Op::Output::channels, Op::kernel,       Op::stride};
}

}  // namespace daf
