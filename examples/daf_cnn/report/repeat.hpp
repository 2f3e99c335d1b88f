#pragma once
// A run's configuration as the command line that repeats it.
#include <filesystem>
#include <string>

#include "training/train_config.hpp"

namespace daf_cnn {

/// "daf-cnn train ... --run DIR" with the options that differ from what they would be without saying, for a
/// POSIX shell. --threads is left out: the result does not depend on it. Where an option differs that the
/// program would refuse beside the others (a margin from a run's file, say, beside --objective softmax): the
/// same by --config of `file`.
std::string repeating_command(const TrainConfig& config, const std::filesystem::path& file);

}  // namespace daf_cnn
