#pragma once
// A checkpoint as the network that it came from, ready to be used.
#include <algorithm>
#include <daf/cpu/context.hpp>
#include <daf/train/checkpoint.hpp>
#include <memory>
#include <span>
#include <string>
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
    std::string file;
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

/// Images in batches, the last of which may hold fewer.
struct Batches {
    Index images, at_once;

    Index largest() const { return std::clamp(images, Index{1}, at_once); }
    Index last() const { return images % at_once; }
};

/// The network of a checkpoint that `daf-cnn train` wrote, for such batches. The file says which preset and
/// attention it has, the margin it was trained with and what classifies. Throws daf::FormatError or
/// daf::MismatchError; on a GPU daf::Error where that cannot be used. The context must outlive the network.
TrainedNetwork load_trained(daf::Cpu& cpu, daf::Safetensors checkpoint, Batches batches,
                            Placement placement = {});

}  // namespace daf_cnn
