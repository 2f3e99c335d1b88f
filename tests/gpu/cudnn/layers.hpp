#pragma once
// The convolutions that the program's networks are made of.
#include <daf/core/error.hpp>
#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/linear.hpp>
#include <daf/ops/dropout.hpp>
#include <daf/ops/dual_attention.hpp>
#include <daf/ops/max_pool.hpp>
#include <daf/ops/relu.hpp>
#include <set>

#include "../support/host_gpu.hpp"
#include "network/presets.hpp"

namespace daf_test {

using daf::ConvolutionSize;
using daf::gpu::Pass;

/// The distinct sizes of a preset's layers.
struct Layers {
    std::set<ConvolutionSize> convolutions, linear;
};

template <class Preset>
Layers layers_of() {
    using Operators = typename daf_cnn::NetworkOf<Preset, daf_cnn::Attention::full>::Operators;
    Layers layers;
    daf::static_for<Operators::size>([&](auto i) {
        using Op = daf::TypeAt<i, Operators>;
        using Header = typename Op::Header;
        if constexpr (std::is_same_v<Header, daf::header::conv_bn_relu>) {
            layers.convolutions.insert(daf::Kernel<Op, HostGpu>::size);
        } else if constexpr (std::is_same_v<Header, daf::header::linear>) {
            if constexpr (requires { daf::Kernel<Op, HostGpu>::size; })  // a narrow one has kernels of ours
                layers.linear.insert(daf::Kernel<Op, HostGpu>::size);
        }
    });
    return layers;
}

/// The passes that training and inference run on a convolution; on a linear layer, which has no ReLU of its
/// own.
inline constexpr Pass convolution_passes[] = {Pass::forward, Pass::forward_bias_relu, Pass::data_gradient,
                                              Pass::weight_gradient};
inline constexpr Pass linear_passes[] = {Pass::forward, Pass::data_gradient, Pass::weight_gradient};

}  // namespace daf_test
