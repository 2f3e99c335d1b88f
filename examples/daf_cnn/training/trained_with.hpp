#pragma once
// Which images a checkpoint was trained and judged with, as far as it notes that.
#include <daf/train/checkpoint.hpp>
#include <string>

#include "data/dataset.hpp"

namespace daf_cnn {

/// In a checkpoint's notes: labels_checksum of its images. Those of the first programs lack it.
inline constexpr const char* labels_note = "labels_checksum";

/// Of all labels in their order. Not of the images' pixels: another build may decode or draw them differently
/// by a shade.
std::string labels_checksum(const Splits& data);

/// Throws daf::MismatchError, with what to do, where the checkpoint notes other labels than these images
/// have.
void check_trained_with(const std::string& checkpoint, const daf::CheckpointInfo& info, const Splits& data,
                        const std::string& data_name, const std::string& remedy);

}  // namespace daf_cnn
