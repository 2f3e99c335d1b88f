#pragma once
// A checkpoint as the network that it came from, ready to be used.
#include <daf/cpu/context.hpp>
#include <daf/train/checkpoint.hpp>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "network/face_network.hpp"

namespace daf_cnn {

/// The preset and attention that a checkpoint names.
struct Origin {
    const Preset* preset;
    Attention attention;
};

/// Throws daf::MismatchError for a checkpoint of another program.
Origin origin_of(const daf::Safetensors& file);

struct TrainedNetwork {
    std::filesystem::path file;
    const Preset* preset;
    daf::CheckpointInfo info;
    std::unique_ptr<FaceNetwork> network;

    /// What the network makes of each image. Throws daf::FormatError where that is not finite, with the
    /// layer.
    std::vector<Reading> read(std::span<const float> images) const;
    /// How it does on a split, so many images at a time. Throws as read does.
    Judgement judge(const Dataset& data, Index batch) const;

  private:
    [[noreturn]] void refuse(std::span<const float> images) const;
};

/// The network of a checkpoint that `daf-cnn train` wrote, for batches up to `largest_batch`. The file says
/// which preset and attention it has, the margin it was trained with and what classifies. Throws
/// daf::FileError, daf::FormatError or daf::MismatchError. The context must outlive the network.  On a GPU:
/// throws daf::Error where that cannot be used.
TrainedNetwork load_trained(daf::Cpu& cpu, const std::filesystem::path& weights, Index largest_batch,
                            Placement placement = {});

}  // namespace daf_cnn
