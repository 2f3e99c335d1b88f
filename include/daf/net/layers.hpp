#pragma once
// Layers: operators that take their input's shape from the layer before. Sequence<Shape<48,48,1>,
// layer::ConvBnRelu<16>, layer::MaxPool<2>> reads like the network. layer::X is daf::X of daf/ops/, which
// says what it computes, its parameters and their first values.
#include <daf/ops/batch_norm.hpp>
#include <daf/ops/channel_attention.hpp>
#include <daf/ops/conv2d.hpp>
#include <daf/ops/conv_bn_relu.hpp>
#include <daf/ops/dropout.hpp>
#include <daf/ops/dual_attention.hpp>
#include <daf/ops/flatten.hpp>
#include <daf/ops/global_pool.hpp>
#include <daf/ops/linear.hpp>
#include <daf/ops/max_pool.hpp>
#include <daf/ops/relu.hpp>
#include <daf/ops/spatial_attention.hpp>

namespace daf::layer {

template <Index Features, Index K = 3, Index Stride = 1, Bias B = Bias::none>
struct Conv2d {
    template <class In>
    using On = daf::Conv2d<In, Features, K, Stride, B>;
};

/// Counts as three modules in PyTorch's numbering: Conv2d, BatchNorm2d, ReLU.
template <Index Features, Index K = 3>
struct ConvBnRelu {
    static constexpr int pytorch_modules = 3;
    template <class In>
    using On = daf::ConvBnRelu<In, Features, K>;
};

struct BatchNorm {
    template <class In>
    using On = daf::BatchNorm<In>;
};

struct Relu {
    template <class In>
    using On = daf::Relu<In>;
};

template <Index K = 2>
struct MaxPool {
    template <class In>
    using On = daf::MaxPool<In, K>;
};

struct GlobalAveragePool {
    template <class In>
    using On = daf::GlobalAveragePool<In>;
};

struct GlobalMaxPool {
    template <class In>
    using On = daf::GlobalMaxPool<In>;
};

template <Index Features, Start Weights = Start::glorot>
struct Linear {
    template <class In>
    using On = daf::Linear<In, Features, Weights>;
};

/// A Linear on a map needs none. Behind one, a Linear's columns stand in our order (H,W,C), also in files,
/// and not as behind PyTorch's Flatten: to read PyTorch's weights, put a Named Linear on the map.
struct Flatten {
    template <class In>
    using On = daf::Flatten<In>;
};

/// Its rate is a figure of the operator, 0.5 unless set: daf::get<I>(sequence.operators).rate.
struct Dropout {
    template <class In>
    using On = daf::Dropout<In>;
};

template <Index Ratio = 8, Hidden H = Hidden::relu>
struct ChannelAttention {
    template <class In>
    using On = daf::ChannelAttention<In, Ratio, H>;
};

template <Index K = 7>
struct SpatialAttention {
    template <class In>
    using On = daf::SpatialAttention<In, K>;
};

template <Index Ratio = 8, Index K = 7, Arrangement A = Arrangement::channel_first, Hidden H = Hidden::relu>
struct DualAttention {
    template <class In>
    using On = daf::DualAttention<In, Ratio, K, A, H>;
};

/// A text as a template argument.
template <std::size_t N>
struct Text {
    char characters[N]{};
    consteval Text(const char (&text)[N]) {
        for (std::size_t i = 0; i < N; ++i) characters[i] = text[i];
    }
};

/// A layer whose parameters a checkpoint calls `Name`.weight and so on, instead of by its number.
template <Text Name, class Layer>
struct Named : Layer {
    static constexpr const char* name = Name.characters;
};

}  // namespace daf::layer
