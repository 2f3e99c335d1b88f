// Which engine of cuDNN's each layer and pass of the presets gets on the device that is here, as tables in
// Markdown: what it says of its arithmetic, its workspace, and how many that cuDNN ranks before it were
// passed over for which rule.
//   plans [PRESET [BATCH]]     every preset by default, at batch 128
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <daf/gpu/cudnn/convolutions.cuh>

#include "../cudnn/layers.hpp"

template <>
struct daf::gpu::cudnn::AttributeType<cudnnBackendBehaviorNote_t>
    : AttributeTypeIs<CUDNN_TYPE_BEHAVIOR_NOTE> {};

namespace {

using namespace daf::gpu::cudnn;
using daf::CudnnChoice;
using daf::Index;
using daf::gpu::ConvolutionTask;
using daf::gpu::Pass;

const char* name_of(cudnnBackendNumericalNote_t note) {
    switch (note) {
        case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: return "tensor cores";
        case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS: return "inputs in fewer bits";
        case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION: return "sums in fewer bits";
        case CUDNN_NUMERICAL_NOTE_FFT: return "FFT";
        case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC: return "varies";
        case CUDNN_NUMERICAL_NOTE_WINOGRAD: return "Winograd";
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4: return "tiles of 4x4";
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6: return "tiles of 6x6";
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: return "tiles of 13x13";
        case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP: return "keeps NaNs";
        default: return "another";
    }
}
const char* name_of(cudnnBackendBehaviorNote_t note) {
    switch (note) {
        case CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION: return "compiled at run time";
        case CUDNN_BEHAVIOR_NOTE_CUBLASLT_DEPENDENCY: return "by cuBLASLt";
        case CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API: return "knows CUDA graphs";
        default: return "another";
    }
}
template <class Note>
std::string listed(const std::vector<Note>& notes) {
    std::string text;
    for (const Note note : notes) (text += text.empty() ? "" : ", ") += name_of(note);
    return text;
}
std::vector<cudnnBackendBehaviorNote_t> behaviour_of(const Plan& plan) {
    const auto configuration =
        plan.execution.parts(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, 1);
    const auto engine =
        configuration.at(0).parts(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
    return engine.at(0).values<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE);
}

struct Precision {
    const char* name;
    cudnnDataType_t type;
    CudnnChoice choice;
};

/// The device's plans for one preset.
class Table {
  public:
    Table(const Target& target, const char* preset, Index batch, Index most_workspace)
        : target_(target), batch_(batch), most_workspace_(most_workspace) {
        std::printf(
            "\ncuDNN's engines for %s at batch %td, with %td MiB of workspace at the most. Of those that it "
            "ranks before them, so many were passed over because they vary from run to run, are not exact "
            "enough, want more workspace, or make no plan. A linear layer is a convolution backwards: its "
            "forward pass is that one's data gradient.\n\n"
            "| layer | pass | type | engine | arithmetic | behaviour | MiB | vary | inexact | too large | no "
            "plan |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
            preset, batch, most_workspace >> 20);
    }
    /// False where a layer has no plan.
    template <class Passes>
    bool add(const char* op, const daf::ConvolutionSize& size, const Passes& passes) const {
        bool found = true;
        for (const Pass pass : passes) {
            for (const auto& [name, type, choice] : {Precision{"float", CUDNN_DATA_FLOAT, {}},
                                                     Precision{"tf32", CUDNN_DATA_FLOAT, {.tf32 = true}},
                                                     Precision{"bf16", CUDNN_DATA_BFLOAT16, {}}}) {
                found = row({op, pass, size, batch_}, name, type, choice) && found;
            }
        }
        return found;
    }
    /// Of these an operator can do without.
    void add_statistics(const daf::ConvolutionSize& size) const {
        row({"conv_bn_relu", Pass::forward_statistics, size, batch_}, "bf16", CUDNN_DATA_BFLOAT16, {});
    }

  private:
    bool row(const ConvolutionTask& task, const char* name, cudnnDataType_t type, CudnnChoice choice) const {
        choice.most_workspace = most_workspace_;
        std::printf("| %s, %s | %s | %s | ", task.op, described(task.size).c_str(), described(task.pass),
                    name);
        try {
            const Plan plan = plan_of(target_, task, type, choice);
            const auto& over = plan.passed_over;
            std::printf("%td | %s | %s | %.1f | %td | %td | %td | %td |\n",
                        static_cast<Index>(plan.engine.number), listed(plan.engine.notes).c_str(),
                        listed(behaviour_of(plan)).c_str(), static_cast<double>(plan.workspace) / 0x1p20,
                        over.varying, over.inexact, over.too_large, over.unplannable);
            return true;
        } catch (const daf::NoEngineError& error) {
            std::printf("none: %s | | | | | | | |\n", error.what());
            return false;
        }
    }

    const Target& target_;
    Index batch_, most_workspace_;
};

template <class Preset>
bool show(const Target& target, Index batch, Index most_workspace) {
    const Table table(target, Preset::name, batch, most_workspace);
    const daf_test::Layers layers = daf_test::layers_of<Preset>();
    bool found = true;
    for (const auto& size : layers.convolutions) {
        if (daf::gpu::is_direct(size)) continue;  // kernels of ours
        found = table.add("conv_bn_relu", size, daf_test::convolution_passes) && found;
        table.add_statistics(size);
    }
    for (const auto& size : layers.linear)
        found = table.add("linear", size, daf_test::linear_passes) && found;
    return found;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string wanted = count > 1 ? arguments[1] : "";
    const Index batch = count > 2 ? std::atol(arguments[2]) : 128;
    std::size_t free = 0, memory = 0;
    if (count > 3 || batch < 1 || cudaMemGetInfo(&free, &memory) != cudaSuccess) {
        std::fputs("usage: plans [PRESET [BATCH]], on a machine with a GPU\n", stderr);
        return 2;
    }
    const Handle handle(nullptr);
    const Target target(handle.raw());
    // As Gpu::set_cudnn has it.
    const Index most_workspace = std::min(CudnnChoice::usual_workspace, static_cast<Index>(memory) / 16);
    int shown = 0;
    bool found = true;
    const auto if_wanted = [&]<class Preset>(Preset) {
        if (!wanted.empty() && wanted != Preset::name) return;
        ++shown;
        found = show<Preset>(target, batch, most_workspace) && found;
    };
    if_wanted(daf_cnn::Lite{}), if_wanted(daf_cnn::Half{}), if_wanted(daf_cnn::Paper{});
    if (shown == 0) std::fprintf(stderr, "plans: there is no preset %s\n", wanted.c_str());
    return shown > 0 && found ? 0 : 1;
}
