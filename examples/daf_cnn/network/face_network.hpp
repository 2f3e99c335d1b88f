#pragma once
// A network as the program sees it: images in, figures out; and one that learns. Each preset is compiled
// once, in network_NAME.cpp; nothing else in the program is a template.
#include <array>
#include <cstdint>
#include <daf/io/safetensors.hpp>
#include <daf/net/learner.hpp>
#include <daf/train/checkpoint.hpp>
#include <daf/train/metrics.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "network/presets.hpp"

namespace daf {
class Cpu;  // its header is not for nvcc
}

namespace daf_cnn {

/// What a network runs on.
enum class Device { cpu, gpu };
/// How it multiplies: floats as they are; floats rounded to TF32; activations and weights in bf16.
/// Parameters, statistics and losses are floats in each.
enum class Precision { single, tf32, bf16 };

struct Placement {
    Device device = Device::cpu;
    Precision precision = Precision::single;  // the processor knows no other
};

/// The figures of a network that are chosen at run time.
struct NetworkSettings {
    Placement placement{};
    Attention attention = Attention::full;
    Classifier classifier = Classifier::softmax;
    Index largest_batch = 128;
    Index last_judged = 0;  // images of a split's last batch, if fewer: for them a GPU may need more scratch
    double margin = 11;
    // Of one that learns:
    daf::Seed seed{1};
    double dropout = 0.5;
    daf::CentreUpdate centre_update = daf::CentreUpdate::equation_12;
    daf::JointObjective objective{};
    daf::Optimizer optimizer = daf::Adam{};
};

/// How a network does on images that it does not learn from.
struct Judgement {
    daf::ConfusionMatrix confusion{class_count};
    double softmax_sum = 0;  // over the images
    double tc_sum = 0;
    Index active = 0;  // images whose TC loss is not zero

    double images() const { return static_cast<double>(confusion.total()); }
    double accuracy() const { return confusion.accuracy(); }
    double softmax() const { return softmax_sum / images(); }
    double tc() const { return tc_sum / images(); }
    double active_fraction() const { return static_cast<double>(active) / images(); }
};

/// What a network makes of one image.
struct Reading {
    /// Softmax of the logits; by the nearest centre, of minus the distances D to the centres (Eq 7).
    std::array<double, class_count> probabilities{};
    Index prediction = 0;
    std::vector<float> embedding;
};

/// Where 3D attention looks in one image: the gates of Eq 1 and Eq 3, and the map (height x width x channels)
/// that they weigh.
struct Gaze {
    Index side = 0;                   // of the map
    std::vector<float> map;           // side * side * channels: x of Eq 4
    std::vector<float> channel_gate;  // A_c, one a channel
    std::vector<float> spatial_gate;  // A_s, side * side
};

/// A network as it is used. A trained one makes of images what the learner that it was saved from makes of
/// them, to the last bit.
class FaceNetwork {
  public:
    virtual ~FaceNetwork() = default;

    virtual std::string architecture() const = 0;
    /// Of its images, in pixels.
    virtual Index side() const = 0;
    /// Numbers that a checkpoint holds for it, running statistics and centres included.
    virtual Index parameter_count() const = 0;
    /// Memory that it and its context take, with a batch that is judged.
    virtual Index bytes() const = 0;

    /// Takes the parameters of a checkpoint, with running statistics and centres. Throws what
    /// daf::restore_parameters throws.
    virtual void take_parameters(const daf::Safetensors& file) = 0;
    /// Adds what the network, as it is used, makes of a batch.
    virtual void judge(std::span<const float> images, std::span<const std::int32_t> labels,
                       Judgement& so_far) = 0;
    /// The same network's view of each image of a batch.
    virtual std::vector<Reading> read(std::span<const float> images) = 0;
    /// Where its attention looks; empty for a network without.
    virtual std::vector<Gaze> gaze(std::span<const float> images) = 0;
    /// The first layer concerned, as checkpoints call it, for images whose judgement is not finite; "the
    /// images" or "the losses" where no layer is.
    virtual std::string first_not_finite_judging(std::span<const float> images) = 0;
    /// The classes' centres, one after another, each as long as an embedding.
    virtual std::vector<float> centres() const = 0;
    virtual std::array<double, class_count> centre_norms() const = 0;
};

/// A network that learns.
class FaceLearner : public FaceNetwork {
  public:
    /// Whether steps run while the host does something else. Then a second one may be queued before the first
    /// is finished, and its images travel meanwhile.
    virtual bool runs_beside_host() const = 0;
    /// Queues one step of training. images: labels.size() images of side() x side() in [0, 1]; the memory may
    /// be reused when the call returns. Checkpoints, figures and centres are those behind every step that is
    /// queued.
    virtual void queue_step(std::span<const float> images, std::span<const std::int32_t> labels) = 0;
    /// The figures of the oldest step that is not finished, which then is.
    virtual daf::StepResult finish_step() = 0;
    /// Both at once.
    daf::StepResult step(std::span<const float> images, std::span<const std::int32_t> labels) {
        queue_step(images, labels);
        return finish_step();
    }
    /// As first_not_finite_judging, when the loss of the finished step on `images` is not finite.
    virtual std::string first_not_finite(std::span<const float> images) = 0;

    /// Throws daf::ArgumentError for another number of them.
    virtual void set_centres(std::span<const float> values) = 0;
    virtual void set_learning_rate(double rate) = 0;

    /// Writes a checkpoint (info.architecture is filled in); returns its checksum.
    virtual std::string save(const std::filesystem::path& path, daf::CheckpointInfo info) = 0;
    /// Goes on from a checkpoint.
    virtual daf::CheckpointInfo restore(const daf::Safetensors& file) = 0;
    /// Goes back to an earlier model and its moments; dropout goes on drawing new numbers.
    virtual void reload(const daf::Safetensors& file) = 0;
};

/// What `daf-cnn bench` can time.
enum class BenchMode { train, infer, attention, tc, tc_1000 };

/// A network of presets.hpp, compiled. The program's threads prepare images whatever the device.
struct Preset {
    std::string_view name;
    Index side;
    struct {
        std::unique_ptr<FaceNetwork> (*make_network)(daf::Cpu& cpu, const NetworkSettings& settings);
        std::unique_ptr<FaceLearner> (*make_learner)(daf::Cpu& cpu, const NetworkSettings& settings);
        std::function<void()> (*make_bench)(daf::Cpu& cpu, BenchMode mode, Index batch);
    } on_cpu;
    struct {
        std::unique_ptr<FaceNetwork> (*make_network)(const NetworkSettings& settings);
        std::unique_ptr<FaceLearner> (*make_learner)(const NetworkSettings& settings);
        std::function<void()> (*make_bench)(Precision precision, BenchMode mode, Index batch);
    } on_gpu;

    /// Its parameters are zeros until it takes a checkpoint's.
    std::unique_ptr<FaceNetwork> make_network(daf::Cpu& cpu, const NetworkSettings& settings) const {
        return settings.placement.device == Device::gpu ? on_gpu.make_network(settings)
                                                        : on_cpu.make_network(cpu, settings);
    }
    std::unique_ptr<FaceLearner> make_learner(daf::Cpu& cpu, const NetworkSettings& settings) const {
        return settings.placement.device == Device::gpu ? on_gpu.make_learner(settings)
                                                        : on_cpu.make_learner(cpu, settings);
    }
    /// One iteration of what the mode times, on a fixed batch of random numbers; it has been done when the
    /// call returns.
    std::function<void()> make_bench(Placement placement, daf::Cpu& cpu, BenchMode mode, Index batch) const {
        return placement.device == Device::gpu ? on_gpu.make_bench(placement.precision, mode, batch)
                                               : on_cpu.make_bench(cpu, mode, batch);
    }
};

extern const Preset paper_preset, half_preset, lite_preset;

inline const std::vector<const Preset*>& presets() {
    static const std::vector<const Preset*> all{&paper_preset, &half_preset, &lite_preset};
    return all;
}

/// By a name that is known to be one.
inline const Preset& preset_named(std::string_view name) {
    for (const Preset* preset : presets()) {
        if (preset->name == name) return *preset;
    }
    throw daf::ArgumentError("no preset is called '" + std::string(name) + "'");
}

}  // namespace daf_cnn
