#pragma once
// One training run as a command carries it out, from its configuration to the best epoch's model.
#include <daf/cpu/context.hpp>

#include "training/run_folder.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// Whether a run begins or goes on from the files in its folder.
enum class Begin { anew, where_it_stopped };

/// What a run learns from and is judged by.
Splits load_run_data(daf::Cpu& cpu, const TrainConfig& config);

/// Trains until `config.epochs` are done, its files in `folder` and its progress on standard output, and returns how the
/// best epoch's model does on the validation images. Throws BadUse for fewer training images than a batch has, and what
/// Training throws.
Judgement run_training(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& folder, const Splits& data,
                       Begin begin);

}  // namespace daf_cnn
