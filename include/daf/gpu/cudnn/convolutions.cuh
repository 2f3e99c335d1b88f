#pragma once
// The convolutions of one context: a plan for each, made once and kept.
#include <daf/gpu/cudnn/plan.cuh>
#include <map>
#include <memory>
#include <set>

namespace daf::gpu::cudnn {

/// "3x3 convolution of (48,48,16) to (48,48,32)", for messages.
inline std::string described(const ConvolutionSize& s) {
    const auto shape = [](Index height, Index width, Index channels) {
        std::string text("(");  // appended to, not put in front of: g++ 12 warns of that without cause
        text += std::to_string(height) + "," + std::to_string(width) + ",";
        return text += std::to_string(channels) + ")";
    };
    const std::string kernel = std::to_string(s.kernel);
    return kernel + "x" + kernel + " convolution of " + shape(s.height, s.width, s.channels) + " to " +
           shape(s.out_height(), s.out_width(), s.features);
}
inline const char* described(Pass pass) {
    switch (pass) {
        case Pass::forward: return "forward";
        case Pass::forward_bias_relu: return "forward with bias and ReLU";
        case Pass::forward_statistics: return "forward with statistics";
        case Pass::data_gradient: return "data gradient";
        case Pass::weight_gradient: return "weight gradient";
    }
    return "";
}
inline std::string described(const ConvolutionTask& task, cudnnDataType_t type) {
    const char* call = task.call != nullptr ? task.call : described(task.pass);
    return std::string(task.op) + ": " + call + " of a " + described(task.size) + ", batch " +
           std::to_string(task.batch) + ", " + type_name(type);
}

/// A plan for a task. Throws what make_plan does, with the operator and the shapes before cuDNN's reason.
inline Plan plan_of(const Target& target, const ConvolutionTask& task, cudnnDataType_t type,
                    const CudnnChoice& choice) {
    try {
        return make_plan(target, pass_graph(task.pass, task.size, task.batch, type), type, choice);
    } catch (const NoEngineError& error) {
        throw NoEngineError(described(task, type) + ": " + error.what());
    } catch (const CudnnMemoryError& error) {
        throw CudnnMemoryError(described(task, type) + ": " + error.what());
    } catch (const CudnnError& error) {
        throw CudnnError(described(task, type) + ": " + error.what());
    }
}

/// The operands of a task under the names of its graph.
template <class T>
Binding binding_of(const ConvolutionTask& task, const ConvolutionOperands<T>& operands) {
    Binding binding;
    binding.add(tensor_id::left, operands.left);
    binding.add(tensor_id::right, operands.right);
    binding.add(tensor_id::result, operands.result);
    if (task.pass == Pass::forward_bias_relu) binding.add(tensor_id::bias, operands.bias);
    if (task.pass == Pass::forward_statistics) {
        binding.add(tensor_id::sums, operands.sums);
        binding.add(tensor_id::squares, operands.squares);
    }
    return binding;
}

class Handle {
  public:
    /// On the current device.
    explicit Handle(cudaStream_t stream) {
        cudnnHandle_t made = nullptr;
        check(cudnnCreate(&made), "cudnnCreate");
        raw_.reset(made);
        check(cudnnSetStream(made, stream), "cudnnSetStream");
    }
    cudnnHandle_t raw() const { return raw_.get(); }

  private:
    struct Destroy {
        void operator()(cudnnHandle_t handle) const { static_cast<void>(cudnnDestroy(handle)); }
    };
    std::unique_ptr<cudnnContext, Destroy> raw_;
};

/// One thread uses it at a time. Plans live as long as it does: a captured graph may refer to them.
class Convolutions {
  public:
    /// Runs on `stream`, on the current device.
    explicit Convolutions(cudaStream_t stream) : handle_(stream), target_(handle_.raw()) {}

    /// The plan for a task, made now if it has not been made before.
    const Plan& plan(const ConvolutionTask& task, cudnnDataType_t type, const CudnnChoice& choice) {
        const Key key{task.pass, task.size, task.batch, type, choice};
        auto found = plans_.find(key);
        if (found == plans_.end()) {
            found = plans_.emplace(key, plan_of(target_, task, type, choice)).first;
        }
        return found->second;
    }

    /// Whether cuDNN has a plan for a task, which is made now if it has not been made before.
    bool has_plan(const ConvolutionTask& task, cudnnDataType_t type, const CudnnChoice& choice) {
        const Key key{task.pass, task.size, task.batch, type, choice};
        if (refused_.contains(key)) return false;
        try {
            plan(task, type, choice);
            return true;
        } catch (const NoEngineError&) {
            refused_.insert(key);
            return false;
        }
    }

    /// Queues a plan. `workspace` has room for what it asks.
    template <class T>
    void run(const Plan& plan, const ConvolutionTask& task, const ConvolutionOperands<T>& operands,
             void* workspace) const {
        const Descriptor pack = variant_pack(binding_of(task, operands), workspace);
        const cudnnStatus_t status = cudnnBackendExecute(handle_.raw(), plan.execution.raw(), pack.raw());
        if (status == CUDNN_STATUS_SUCCESS) return;
        check(status, described(task, data_type<T>).c_str());
    }

  private:
    struct Key {
        Pass pass;
        ConvolutionSize size;
        Index batch;
        cudnnDataType_t type;
        CudnnChoice choice;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    Handle handle_;
    Target target_;
    std::map<Key, Plan> plans_;
    std::set<Key> refused_;
};

}  // namespace daf::gpu::cudnn
