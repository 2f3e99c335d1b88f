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
    CHECK_FALSE(plan.engine.says(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    CHECK_FALSE(plan.engine.says(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION));
    if (type == CUDNN_DATA_FLOAT) CHECK_FALSE(plan.engine.says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    CHECK(plan.workspace >= 0);
    CHECK(plan.workspace <= daf::CudnnChoice::usual_workspace);
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
    INFO(device_name);
    for (const auto& size : layers.convolutions) {
        check_plan(target, {"conv_bn_relu", Pass::forward_statistics, size, batch}, CUDNN_DATA_BFLOAT16);
    }
}

}  // namespace daf_test
