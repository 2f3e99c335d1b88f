#pragma once
// Convolutions as graphs of cuDNN operations. Every builder takes the element type as an argument: float,
// double, bf16.
#include <daf/gpu/convolution.hpp>
#include <daf/gpu/cudnn/descriptor.cuh>

namespace daf::gpu::cudnn {

template <class T>
inline constexpr cudnnDataType_t data_type = CUDNN_DATA_FLOAT;
template <>
inline constexpr cudnnDataType_t data_type<double> = CUDNN_DATA_DOUBLE;
template <>
inline constexpr cudnnDataType_t data_type<bf16> = CUDNN_DATA_BFLOAT16;

/// Tensors of a graph by the names under which pointers are given to them.
namespace tensor_id {
inline constexpr std::int64_t left = 1, right = 2, result = 3, bias = 4, sums = 5, squares = 6;
inline constexpr std::int64_t between = 100;  // and up: what never is in memory
}  // namespace tensor_id

/// What a sum of products is kept in.
constexpr cudnnDataType_t sum_type(cudnnDataType_t elements) {
    return elements == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}
constexpr std::int64_t element_bytes(cudnnDataType_t type) {
    return type == CUDNN_DATA_DOUBLE ? 8 : type == CUDNN_DATA_FLOAT ? 4 : 2;
}
constexpr const char* type_name(cudnnDataType_t type) {
    return type == CUDNN_DATA_DOUBLE ? "double" : type == CUDNN_DATA_FLOAT ? "float" : "bf16";
}

/// (count, channels, height, width) as cuDNN counts extents; channels lie innermost, as everywhere in daf.
struct Extents {
    std::int64_t count, channels, height, width;

    std::int64_t image() const { return channels * height * width; }
    /// What an address is a multiple of, where the first image's is: as much as 16 bytes.
    std::int64_t alignment(cudnnDataType_t type) const {
        return map_alignment(image() * element_bytes(type));
    }
};

enum class Lies { in_memory, nowhere };

inline Descriptor tensor(std::int64_t id, const Extents& e, cudnnDataType_t type,
                         Lies lies = Lies::in_memory) {
    const std::array<std::int64_t, 4> extents{e.count, e.channels, e.height, e.width};
    const std::array<std::int64_t, 4> strides{e.image(), 1, e.width * e.channels, e.channels};
    return Descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(extents))
        .set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides))
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, e.alignment(type))
        .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, lies == Lies::nowhere)
        .finalised("tensor");
}

/// The three tensors of a convolution, whichever of them is the result.
struct ConvolutionExtents {
    Extents x, w, y;
    explicit ConvolutionExtents(const ConvolutionSize& s, Index batch)
        : x{batch, s.channels, s.height, s.width},
          w{s.features, s.channels, s.kernel, s.kernel},
          y{batch, s.features, s.out_height(), s.out_width()} {}
};

inline Descriptor same_convolution(const ConvolutionSize& size, cudnnDataType_t elements) {
    const std::array<std::int64_t, 2> border{size.kernel / 2, size.kernel / 2};
    const std::array<std::int64_t, 2> strides{size.stride, size.stride}, dilation{1, 1};
    const auto span = [](const std::array<std::int64_t, 2>& values) {
        return std::span<const std::int64_t>(values);
    };
    return Descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
        .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
        .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, sum_type(elements))
        .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
        .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, span(border))
        .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, span(border))
        .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, span(dilation))
        .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, span(strides))
        .finalised("convolution");
}

/// result = 1 * product + 0 * what was there. The factors must be of the type that the convolution adds in:
/// some engines take the first four bytes of a double for a float, which of 1.0 are zeros, and nothing but
/// the result shows it.
inline Descriptor overwriting(Descriptor&& operation, const Descriptor& convolution, Descriptor::Name alpha,
                              Descriptor::Name beta) {
    if (convolution.value<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) == CUDNN_DATA_DOUBLE)
        return std::move(operation).set(alpha, 1.0).set(beta, 0.0);
    return std::move(operation).set(alpha, 1.0F).set(beta, 0.0F);
}

inline Descriptor forward_operation(const Descriptor& convolution, const Descriptor& x, const Descriptor& w,
                                    const Descriptor& y) {
    return overwriting(Descriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y),
                       convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA)
        .finalised("convolution forward");
}

inline Descriptor data_gradient_operation(const Descriptor& convolution, const Descriptor& dy,
                                          const Descriptor& w, const Descriptor& dx) {
    return overwriting(Descriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx),
                       convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA)
        .finalised("convolution's data gradient");
}

inline Descriptor weight_gradient_operation(const Descriptor& convolution, const Descriptor& x,
                                            const Descriptor& dy, const Descriptor& dw) {
    return overwriting(Descriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy)
                           .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dw),
                       convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA)
        .finalised("convolution's weight gradient");
}

/// y = f(x), or f(x, b) where there is a b.
inline Descriptor pointwise_operation(cudnnPointwiseMode_t mode, cudnnDataType_t elements,
                                      const Descriptor& x, const Descriptor* b, const Descriptor& y) {
    const Descriptor f = Descriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
                             .set(CUDNN_ATTR_POINTWISE_MODE, mode)
                             .set(CUDNN_ATTR_POINTWISE_MATH_PREC, sum_type(elements))
                             .finalised("pointwise function");
    Descriptor operation = Descriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
                               .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, f)
                               .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
                               .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    if (b == nullptr) return std::move(operation).finalised("pointwise operation");
    return std::move(operation)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b)
        .finalised("pointwise operation");
}

using Operations = std::vector<Descriptor>;

template <class... D>
Operations operations(D&&... descriptors) {
    Operations all;
    (all.push_back(std::move(descriptors)), ...);
    return all;
}

/// max(0, x * w + bias) in one operation, with what is between never in memory.
inline Operations forward_bias_relu_graph(const ConvolutionSize& size, Index batch, cudnnDataType_t type) {
    const ConvolutionExtents e(size, batch);
    const cudnnDataType_t wide = sum_type(type);
    const Descriptor x = tensor(tensor_id::left, e.x, type), w = tensor(tensor_id::right, e.w, type);
    const Descriptor y = tensor(tensor_id::result, e.y, type);
    const Descriptor bias = tensor(tensor_id::bias, {1, size.features, 1, 1}, type);
    const Descriptor product = tensor(tensor_id::between, e.y, wide, Lies::nowhere);
    const Descriptor sum = tensor(tensor_id::between + 1, e.y, wide, Lies::nowhere);
    return operations(forward_operation(same_convolution(size, type), x, w, product),
                      pointwise_operation(CUDNN_POINTWISE_ADD, type, product, &bias, sum),
                      pointwise_operation(CUDNN_POINTWISE_RELU_FWD, type, sum, nullptr, y));
}

/// y = x * w, and for each feature the sums of y and of its squares, in float.
inline Operations forward_statistics_graph(const ConvolutionSize& size, Index batch, cudnnDataType_t type) {
    const ConvolutionExtents e(size, batch);
    const Extents of_features{1, size.features, 1, 1};
    const Descriptor x = tensor(tensor_id::left, e.x, type), w = tensor(tensor_id::right, e.w, type);
    const Descriptor y = tensor(tensor_id::result, e.y, type);
    const Descriptor sums = tensor(tensor_id::sums, of_features, CUDNN_DATA_FLOAT);
    const Descriptor squares = tensor(tensor_id::squares, of_features, CUDNN_DATA_FLOAT);
    return operations(forward_operation(same_convolution(size, type), x, w, y),
                      Descriptor(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
                          .set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_GENSTATS_SUM_SQSUM)
                          .set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT)
                          .set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, y)
                          .set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, sums)
                          .set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, squares)
                          .finalised("statistics"));
}

/// A pass as a graph; its operands are tensor_id::left, right, result, bias, sums and squares.
inline Operations pass_graph(Pass pass, const ConvolutionSize& size, Index batch, cudnnDataType_t type) {
    if (pass == Pass::forward_bias_relu) return forward_bias_relu_graph(size, batch, type);
    if (pass == Pass::forward_statistics) return forward_statistics_graph(size, batch, type);
    const ConvolutionExtents e(size, batch);
    const Descriptor convolution = same_convolution(size, type);
    using namespace tensor_id;
    if (pass == Pass::data_gradient) {
        return operations(data_gradient_operation(convolution, tensor(left, e.y, type),
                                                  tensor(right, e.w, type), tensor(result, e.x, type)));
    }
    if (pass == Pass::weight_gradient) {
        return operations(weight_gradient_operation(convolution, tensor(left, e.x, type),
                                                    tensor(right, e.y, type), tensor(result, e.w, type)));
    }
    return operations(forward_operation(convolution, tensor(left, e.x, type), tensor(right, e.w, type),
                                        tensor(result, e.y, type)));
}

}  // namespace daf::gpu::cudnn
