// The part of cuDNN that needs a device, in its place: the handle, and the execution of a plan. Plans are
// cuDNN's own, made for a device that is not here; what they run is the graph that they say they were made
// from, by plain loops, in the stream's turn; factors are rounded where the engine does that. A workspace is
// overwritten. A pointer that is not device memory of the tensor's size is an error.
#include <cudnn.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../cudnn/devices.hpp"
#include "graph_interpreter.hpp"
#include "stand_in_cudnn.hpp"
#include "stand_in_kernels.hpp"

struct cudnnContext {
    cudaStream_t stream = nullptr;
};

namespace daf_test {
namespace {

/// cuDNN's own function of a name that is also defined here.
template <class Function>
Function* cudnns_own(Function*, const char* name) {
    void* found = dlsym(RTLD_NEXT, name);
    if (found == nullptr) std::abort();
    return reinterpret_cast<Function*>(found);
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, std::int64_t count, const void* values) {
    static const auto own = cudnns_own(&cudnnBackendSetAttribute, "cudnnBackendSetAttribute");
    return own(descriptor, name, type, count, values);
}

/// Plans are made for this device in place of the handle's.
cudnnStatus_t set_device(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name) {
    static const auto properties = [] {
        const std::string text = device_properties("sm_90");
        return daf::gpu::cudnn::Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
            .set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::string_view(text))
            .finalised("device properties");
    }();
    const cudnnBackendDescriptor_t raw = properties.raw();
    return set_attribute(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

/// What variant packs hold, which cuDNN does not give back.
struct Pack {
    std::vector<std::int64_t> ids;
    std::vector<void*> pointers;
    void* workspace = nullptr;
};
std::map<cudnnBackendDescriptor_t, Pack>& packs() {
    static std::map<cudnnBackendDescriptor_t, Pack> known;
    return known;
}

CudnnFigures& figures() {
    static CudnnFigures seen;
    return seen;
}

/// The plan that was begun last, and whether the next one that cuDNN can make is refused.
cudnnBackendDescriptor_t last_plan = nullptr;
bool refuses_plan = false;

nlohmann::json graph_of(cudnnBackendDescriptor_t plan) {
    constexpr auto name = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
    std::int64_t size = 0;
    cudnnBackendGetAttribute(plan, name, CUDNN_TYPE_CHAR, 0, &size, nullptr);
    std::string text(static_cast<std::size_t>(size), '\0');
    cudnnBackendGetAttribute(plan, name, CUDNN_TYPE_CHAR, size, &size, text.data());
    return nlohmann::json::parse(text.c_str()).at("operationGraph");
}

/// What the engine of a plan says of its arithmetic.
daf::gpu::cudnn::Engine engine_of(cudnnBackendDescriptor_t plan) {
    const daf::gpu::cudnn::Descriptor configuration(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    cudnnBackendDescriptor_t raw = configuration.raw();
    std::int64_t count = 0;
    daf::gpu::cudnn::check(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
                           "a plan's engine");
    return daf::gpu::cudnn::Engine(configuration);
}

cudnnStatus_t execute(cudaStream_t stream, cudnnBackendDescriptor_t plan, const Pack& pack) {
    std::map<std::string, void*> memory;
    for (std::size_t i = 0; i < pack.ids.size(); ++i) memory[std::to_string(pack.ids[i])] = pack.pointers[i];
    const auto run = std::make_shared<GraphRun>(graph_of(plan), memory);
    if (engine_of(plan).says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) run->round_factors();
    for (const auto& [name, pointer] : memory) {
        if (!in_device_memory(pointer, run->tensors().at(name).bytes())) return CUDNN_STATUS_BAD_PARAM;
    }
    std::int64_t bytes = 0, count = 0;
    cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                             &bytes);
    figures().with_statistics += run->holds("CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR");
    void* workspace = pack.workspace;
    const auto size = static_cast<std::size_t>(bytes);
    if (size > 0 && !in_device_memory(workspace, size)) return CUDNN_STATUS_BAD_PARAM;
    queue_work(stream, [run, workspace, size] {
        if (size > 0) std::memset(workspace, 0xFF, size);
        run->run();
    });
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

const CudnnFigures& cudnn_figures() {
    return figures();
}
void refuse_next_plan() {
    refuses_plan = true;
}

}  // namespace daf_test

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
    *handle = new cudnnContext;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    delete handle;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count,
                                       const void* values) {
    using namespace daf_test;
    if (name == CUDNN_ATTR_OPERATIONGRAPH_HANDLE) return CUDNN_STATUS_SUCCESS;
    if (name == CUDNN_ATTR_EXECUTION_PLAN_HANDLE) {
        ++figures().plans;
        last_plan = descriptor;
        return set_device(descriptor, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    }
    if (name == CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH) {
        const cudnnStatus_t status = set_device(descriptor, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
        if (status != CUDNN_STATUS_SUCCESS) return status;
    }
    if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) {
        const auto* ids = static_cast<const std::int64_t*>(values);
        packs()[descriptor].ids.assign(ids, ids + count);
    } else if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) {
        const auto* pointers = static_cast<void* const*>(values);
        packs()[descriptor].pointers.assign(pointers, pointers + count);
    } else if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE) {
        packs()[descriptor].workspace = *static_cast<void* const*>(values);
        // As what cuDNN calls may want it: memory as the device allocates it.
        if (reinterpret_cast<std::uintptr_t>(packs()[descriptor].workspace) % 256 != 0) {
            return CUDNN_STATUS_BAD_PARAM;
        }
    }
    return set_attribute(descriptor, name, type, count, values);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
    using namespace daf_test;
    static const auto own = cudnns_own(&cudnnBackendFinalize, "cudnnBackendFinalize");
    const cudnnStatus_t status = own(descriptor);
    if (status == CUDNN_STATUS_SUCCESS && descriptor == last_plan && std::exchange(refuses_plan, false)) {
        return CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
    }
    return status;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
    using namespace daf_test;
    ++figures().executions;
    return execute(handle->stream, plan, packs()[pack]);
}
}
