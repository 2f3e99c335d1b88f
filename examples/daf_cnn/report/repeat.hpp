#pragma once
// A run's configuration as the command line that repeats it.
#include <string>

#include "training/train_config.hpp"

namespace daf_cnn {

/// "daf-cnn train ... --run DIR" with the options that differ from what they would be without saying, for a POSIX
/// shell. --threads is left out: the result does not depend on it.
std::string repeating_command(const TrainConfig& config);

}  // namespace daf_cnn
