#pragma once
// A plan as cuDNN itself describes it: the graph that it was made from, read back.
#include <doctest/doctest.h>

#include <daf/gpu/cudnn/convolutions.cuh>
#include <nlohmann/json.hpp>

#include "devices.hpp"

namespace daf_test {

using daf::Index;
using daf::gpu::ConvolutionTask;
using daf::gpu::Pass;
using daf::gpu::cudnn::ConvolutionExtents;
using daf::gpu::cudnn::Extents;
using daf::gpu::cudnn::Plan;
using nlohmann::json;

inline json graph_of(const Plan& plan) {
    const auto text = plan.execution.values<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    return json::parse(std::string(text.data(), text.size()).c_str()).at("operationGraph");
}

inline std::string name_of(cudnnDataType_t type) {
    return type == CUDNN_DATA_FLOAT      ? "CUDNN_DATA_FLOAT"
           : type == CUDNN_DATA_DOUBLE   ? "CUDNN_DATA_DOUBLE"
           : type == CUDNN_DATA_BFLOAT16 ? "CUDNN_DATA_BFLOAT16"
                                         : "another";
}

inline json tensor_of(const json& graph, const std::string& name) {
    for (const json& tensor : graph.at("tensors")) {
        if (tensor.at("name") == name) return tensor;
    }
    return {};
}

/// A tensor in memory, channels innermost.
inline void check_tensor(const json& graph, const std::string& name, const Extents& e, cudnnDataType_t type) {
    INFO("tensor ", name);
    const json tensor = tensor_of(graph, name);
    REQUIRE(!tensor.is_null());
    CHECK(tensor.at("dim") == json{e.count, e.channels, e.height, e.width});
    CHECK(tensor.at("stride") == json{e.channels * e.height * e.width, 1, e.width * e.channels, e.channels});
    CHECK(tensor.at("dataType") == name_of(type));
    CHECK(tensor.at("isVirtual") == false);
    CHECK(tensor.at("ptrAlignment") == e.alignment(type));
}

/// In what sums of products of `type` are kept.
inline std::string sum_name(cudnnDataType_t type) {
    return type == CUDNN_DATA_DOUBLE ? "CUDNN_DATA_DOUBLE" : "CUDNN_DATA_FLOAT";
}

/// The arithmetic of a convolution, whichever of its tensors is the result.
inline void check_convolution(const json& node, const daf::ConvolutionSize& size, cudnnDataType_t type) {
    const Index border = size.kernel / 2;
    CHECK(node.at("pad") == json{border, border});
    CHECK(node.at("stride") == json{size.stride, size.stride});
    CHECK(node.at("dilation") == json{1, 1});
    CHECK(node.at("mode") == "CUDNN_CROSS_CORRELATION");
    CHECK(node.at("mathPrec") == sum_name(type));
    CHECK((node.at("alpha") == 1.0 && node.at("beta") == 0.0));
}

/// That the plan's graph is the task, its operands under the names that pointers are bound to.
inline void check_graph(const Plan& plan, const ConvolutionTask& task, cudnnDataType_t type) {
    const json graph = graph_of(plan);
    const ConvolutionExtents e(task.size, task.batch);
    const bool to_data = task.pass == Pass::data_gradient, to_weight = task.pass == Pass::weight_gradient;
    check_tensor(graph, "1", to_data ? e.y : e.x, type);
    check_tensor(graph, "2", to_weight ? e.y : e.w, type);
    check_tensor(graph, "3", to_data ? e.x : to_weight ? e.w : e.y, type);

    const json& nodes = graph.at("nodes");
    const bool fused = task.pass == Pass::forward_bias_relu, counted = task.pass == Pass::forward_statistics;
    REQUIRE(nodes.size() == (fused ? 3 : counted ? 2 : 1));
    const json& node = nodes.at(0);
    const std::string operation = node.at("operation");
    const auto is = [&](const char* what) { return operation.find(what) != std::string::npos; };
    if (to_data) {
        CHECK(is("CONVOLUTION_BACKWARD_DATA"));
        CHECK((node.at("dY") == "1" && node.at("W") == "2" && node.at("dX") == "3"));
    } else if (to_weight) {
        CHECK(is("CONVOLUTION_BACKWARD_FILTER"));
        CHECK((node.at("X") == "1" && node.at("dY") == "2" && node.at("dW") == "3"));
    } else {
        CHECK(is("CONVOLUTION_FORWARD"));
        CHECK((node.at("X") == "1" && node.at("W") == "2" && node.at("Y") == (fused ? "100" : "3")));
    }
    check_convolution(node, task.size, type);
    if (counted) {
        check_tensor(graph, "5", {1, task.size.features, 1, 1}, CUDNN_DATA_FLOAT);
        check_tensor(graph, "6", {1, task.size.features, 1, 1}, CUDNN_DATA_FLOAT);
        const json& statistics = nodes.at(1);
        CHECK((statistics.at("X") == "3" && statistics.at("Sum") == "5" && statistics.at("SqSum") == "6"));
        CHECK(statistics.at("mathPrec") == "CUDNN_DATA_FLOAT");
    }
    if (!fused) return;
    check_tensor(graph, "4", {1, task.size.features, 1, 1}, type);
    const json &sum = nodes.at(1), &relu = nodes.at(2);
    CHECK((sum.at("pointwiseMode") == "CUDNN_POINTWISE_ADD" && sum.at("X") == "100" && sum.at("B") == "4" &&
           sum.at("Y") == "101"));
    CHECK((relu.at("pointwiseMode") == "CUDNN_POINTWISE_RELU_FWD" && relu.at("X") == "101" &&
           relu.at("Y") == "3"));
    CHECK((sum.at("mathPrec") == sum_name(type) && relu.at("mathPrec") == sum_name(type)));
    for (const char* between : {"100", "101"}) {
        CHECK(tensor_of(graph, between).at("isVirtual") == true);
        CHECK(tensor_of(graph, between).at("dataType") == sum_name(type));
    }
}

}  // namespace daf_test
