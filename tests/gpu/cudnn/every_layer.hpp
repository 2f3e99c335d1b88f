#pragma once
// A plan for every layer of a preset, on devices that are not here.
#include "layers.hpp"
#include "planned.hpp"

namespace daf_test {

inline void check_plan(const daf::gpu::cudnn::Target& target, const ConvolutionTask& task,
                       cudnnDataType_t type) {
    INFO(daf::gpu::cudnn::described(task, type));
    const daf::CudnnChoice choice;
    const Plan plan = daf::gpu::cudnn::plan_of(target, task, type, choice);
    CHECK(plan.engine.allowed(choice, type));
    CHECK(plan.workspace >= 0);
    CHECK(plan.workspace <= choice.most_workspace);
    check_graph(plan, task, type);
}

/// Every pass of every distinct layer, in float and bf16.
inline void check_every_layer(const Layers& layers, const std::string& device_name,
                              std::initializer_list<Index> batches) {
    const auto target = device(device_name);
    INFO(device_name);
    REQUIRE(!layers.convolutions.empty());
    REQUIRE(!layers.linear.empty());
    for (const Index batch : batches) {
        for (const cudnnDataType_t type : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16}) {
            for (const auto& size : layers.convolutions) {
                for (const Pass pass : convolution_passes) {
                    check_plan(target, {"conv_bn_relu", pass, size, batch}, type);
                }
            }
            for (const auto& size : layers.linear) {
                for (const Pass pass : linear_passes) check_plan(target, {"linear", pass, size, batch}, type);
            }
        }
    }
}

/// Convolutions with their statistics, in bf16: cuDNN compiles each of them now, with a driver that is none.
inline void check_statistics(const Layers& layers, const std::string& device_name, Index batch) {
    const auto target = device(device_name);
    for (const auto& size : layers.convolutions) {
        INFO(device_name, ": statistics behind a ", daf::gpu::cudnn::described(size));
        const Plan plan = daf::gpu::cudnn::make_plan(
            target, daf::gpu::cudnn::forward_statistics_graph(size, batch, CUDNN_DATA_BFLOAT16),
            CUDNN_DATA_BFLOAT16, {});
        const json graph = graph_of(plan);
        const ConvolutionExtents e(size, batch);
        check_tensor(graph, "1", e.x, CUDNN_DATA_BFLOAT16);
        check_tensor(graph, "2", e.w, CUDNN_DATA_BFLOAT16);
        check_tensor(graph, "3", e.y, CUDNN_DATA_BFLOAT16);
        check_tensor(graph, "5", {1, size.features, 1, 1}, CUDNN_DATA_FLOAT);
        check_tensor(graph, "6", {1, size.features, 1, 1}, CUDNN_DATA_FLOAT);
        const json& nodes = graph.at("nodes");
        REQUIRE(nodes.size() == 2);
        const json &product = nodes.at(0), &statistics = nodes.at(1);
        check_convolution(product, size, CUDNN_DATA_BFLOAT16);
        CHECK((product.at("X") == "1" && product.at("W") == "2" && product.at("Y") == "3"));
        CHECK((statistics.at("X") == "3" && statistics.at("Sum") == "5" && statistics.at("SqSum") == "6"));
        CHECK(statistics.at("mathPrec") == "CUDNN_DATA_FLOAT");
    }
}

}  // namespace daf_test
