#pragma once
// A network's figures on a whole split, and how they are printed.
#include <functional>
#include <span>
#include <string>

#include "data/dataset.hpp"
#include "network/face_network.hpp"

namespace daf_cnn {

/// Sees the figures so far, and the images that were judged last.
using AfterBatch = std::function<void(const Judgement& so_far, std::span<const float> images)>;

/// Every image of a split, `batch` at a time. What `after_batch` throws passes through.
Judgement judge_split(FaceNetwork& network, const Dataset& data, Index batch,
                      const AfterBatch& after_batch = {});

/// Rows true, columns predicted, each class's recall behind.
std::string confusion_text(const daf::ConfusionMatrix& confusion);

/// "0.9143"; "-" for a share of nothing.
std::string share_text(double share);

}  // namespace daf_cnn
