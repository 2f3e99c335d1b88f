#pragma once
// From a graph of operations to something that runs: which engine, with how much workspace.
#include <cstdint>
#include <daf/gpu/cudnn/graph.cuh>
#include <optional>

namespace daf {

/// How cuDNN may compute. What is not allowed costs speed, not correctness.
struct CudnnChoice {
    /// Products of floats on tensor cores, their factors rounded to TF32's 10 bits of fraction.
    bool tf32 = false;
    /// In bf16, conv_bn_relu's statistics added up by the convolution itself, in float, where an engine does
    /// that. Else a kernel of ours reads the map once more: on an H100 in a quarter of the time that the
    /// plainer convolution saves.
    bool fused_statistics = false;
    /// Only engines that give the same bits every time.
    bool deterministic = true;
    /// Engines that ask for more are passed over. Those of floats as they are want much: on an H100, with
    /// 256 MiB at the most, a 3x3 data gradient of 64 channels at 96x96, batch 128, took 80 times as long as
    /// with 1 GiB. Where nothing is said: usual_workspace, on a Gpu a sixteenth of its memory if that is
    /// less.
    std::optional<Index> most_workspace{};
    static constexpr Index usual_workspace = Index{4} << 30;

    friend auto operator<=>(const CudnnChoice&, const CudnnChoice&) = default;
    friend bool operator==(const CudnnChoice&, const CudnnChoice&) = default;
};

namespace gpu::cudnn {

/// What plans are made for: the device of a handle, or one known by its properties alone, which need not be
/// here.
class Target {
  public:
    explicit Target(cudnnHandle_t handle) : handle_(handle) {}
    /// The properties as cuDNN writes them, a line of JSON.
    explicit Target(std::string_view properties)
        : properties_(Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
                          .set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, properties)
                          .finalised("device properties")) {}

    Descriptor graph(const Operations& operations) const {
        return on_handle(Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR),
                         CUDNN_ATTR_OPERATIONGRAPH_HANDLE)
            .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, std::span<const Descriptor>(operations))
            .finalised("operation graph");
    }
    /// Engine configurations for a graph, likely the fastest first.
    std::vector<Descriptor> configurations(const Descriptor& graph, cudnnBackendHeurMode_t mode) const {
        const Descriptor heuristics =
            on_properties(Descriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR), CUDNN_ATTR_ENGINEHEUR_DEVICEPROP)
                .set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
                .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode)
                .finalised("heuristics");
        constexpr auto results = CUDNN_ATTR_ENGINEHEUR_RESULTS;
        return heuristics.parts(results, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                                heuristics.count(results, CUDNN_TYPE_BACKEND_DESCRIPTOR));
    }
    Descriptor plan(const Descriptor& configuration) const {
        return on_properties(on_handle(Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR),
                                       CUDNN_ATTR_EXECUTION_PLAN_HANDLE),
                             CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP)
            .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration)
            .finalised("execution plan");
    }

  private:
    Descriptor on_handle(Descriptor descriptor, Descriptor::Name name) const {
        if (handle_ == nullptr) return descriptor;
        return std::move(descriptor).set(name, handle_);
    }
    Descriptor on_properties(Descriptor descriptor, Descriptor::Name name) const {
        if (!properties_) return descriptor;
        return std::move(descriptor).set(name, *properties_);
    }

    cudnnHandle_t handle_ = nullptr;
    std::optional<Descriptor> properties_;
};

/// An engine, as cuDNN numbers them, and what it says of its arithmetic.
struct Engine {
    std::int64_t number;
    std::vector<cudnnBackendNumericalNote_t> notes;

    explicit Engine(const Descriptor& configuration) {
        const auto engine =
            configuration.parts(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
        number = engine.at(0).value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
        notes = engine.at(0).values<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
    }
    bool says(cudnnBackendNumericalNote_t note) const {
        return std::find(notes.begin(), notes.end(), note) != notes.end();
    }
    bool allowed(const CudnnChoice& choice, cudnnDataType_t type) const {
        return repeats(choice) && exact(choice, type);
    }
    /// Whether it gives the same bits every time, where that is asked for.
    bool repeats(const CudnnChoice& choice) const {
        return !choice.deterministic || !says(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
    }
    /// Whether it multiplies and adds up in no fewer bits than it may.
    bool exact(const CudnnChoice& choice, cudnnDataType_t type) const {
        if (says(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;  // sums are floats
        if (type != CUDNN_DATA_FLOAT) return true;
        // Tensor cores multiply no floats as they are.
        const bool rounds = says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
        return (choice.tf32 || !rounds) && !says(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
    }
};

/// How many configurations cuDNN offered before the one that was taken, and what was against them: the first
/// rule that each broke.
struct PassedOver {
    Index varying = 0;      // other bits from run to run
    Index inexact = 0;      // floats rounded to TF32, or sums in fewer bits
    Index too_large = 0;    // too much workspace
    Index unplannable = 0;  // no plan came of it after all

    Index not_allowed() const { return varying + inexact; }
    Index all() const { return not_allowed() + too_large + unplannable; }
};

/// Something that runs.
struct Plan {
    Descriptor execution;
    Engine engine;
    Index workspace;  // bytes
    PassedOver passed_over;
};

/// The first plan of those that cuDNN recommends that the choice allows. Throws NoEngineError where there is
/// none, CudnnMemoryError where there is no memory for one that may be it.
inline Plan make_plan(const Target& target, const Operations& operations, cudnnDataType_t type,
                      const CudnnChoice& choice) {
    const Descriptor graph = target.graph(operations);
    const Index most_workspace = choice.most_workspace.value_or(CudnnChoice::usual_workspace);
    PassedOver passed_over;
    std::string last;
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        for (const Descriptor& configuration : target.configurations(graph, mode)) {
            Engine engine(configuration);
            if (!engine.allowed(choice, type)) {
                ++(engine.repeats(choice) ? passed_over.inexact : passed_over.varying);
                continue;
            }
            try {
                Descriptor plan = target.plan(configuration);
                const auto workspace =
                    static_cast<Index>(plan.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
                if (workspace <= most_workspace) {
                    return {std::move(plan), std::move(engine), workspace, passed_over};
                }
                ++passed_over.too_large;
            } catch (const CudnnMemoryError&) {  // another engine would give other bits
                throw;
            } catch (const CudnnError& refusal) {  // this engine cannot do it after all
                ++passed_over.unplannable;
                last = std::string("; last: ") + refusal.what();
            }
        }
    }
    throw NoEngineError("no engine fits: cuDNN offers " + std::to_string(passed_over.all()) + ", of which " +
                        std::to_string(passed_over.not_allowed()) +
                        " are not deterministic, round floats to TF32 or add up in fewer bits, and " +
                        std::to_string(passed_over.too_large) + " want more workspace than " +
                        std::to_string(most_workspace) + " bytes" + last);
}

/// Pointers for a plan's tensors.
struct Binding {
    std::vector<std::int64_t> ids;
    std::vector<void*> pointers;

    void add(std::int64_t id, const void* pointer) {
        ids.push_back(id);
        pointers.push_back(const_cast<void*>(pointer));  // cuDNN reads and writes through the same type
    }
};

inline Descriptor variant_pack(const Binding& binding, void* workspace) {
    return Descriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        .set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(binding.ids))
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(binding.pointers))
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalised("variant pack");
}

}  // namespace gpu::cudnn
}  // namespace daf
