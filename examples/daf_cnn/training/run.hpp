#pragma once
// One training run as a command carries it out, from its configuration to the best epoch's model.
#include <daf/cpu/context.hpp>

#include "training/run_folder.hpp"
#include "training/run_lock.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// Whether a run begins or goes on from the files in its folder.
enum class Begin { anew, where_it_stopped };

/// Before a run's configuration is settled. Anew: throws BadUse if a run may be there (RunFolder::check_new).
/// Otherwise: the lock on a folder that holds a run, what a killed program left in it removed.
std::optional<RunLock> claim(const RunFolder& folder, Begin begin);

/// Creates the folder of a run that begins anew, and locks it. Throws BadUse if there is another run since
/// claim(), or if another program holds the folder; or daf::FileError.
RunLock claim_new(const RunFolder& folder);

/// Throws daf::Error where the device that the run wants is not to be had.
void check_device(const TrainConfig& config);

/// What a run learns from and is judged by. Errors of a run that begins anew hint to --skip-bad, which no
/// other may change.
Splits load_run_data(daf::Cpu& cpu, const TrainConfig& config, Begin begin);

/// Throws BadUse for fewer training images than a batch has.
void check_batch(const TrainConfig& config, const Splits& data);

/// Trains until `config.epochs` are done, its files in `folder` and its progress on standard output, and
/// returns how the best epoch's model does on the validation images. Begin as in claim(). Throws what
/// check_batch and Training throw.
Judgement run_training(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& folder, const Splits& data,
                       Begin begin);

}  // namespace daf_cnn
