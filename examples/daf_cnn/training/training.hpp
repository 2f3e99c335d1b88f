#pragma once
// The training of one run: epochs, the plateau schedule with reload of the best model, and what is recorded.
#include <daf/train/checkpoint.hpp>
#include <daf/train/plateau.hpp>

#include "command/progress.hpp"
#include "data/data.hpp"
#include "network/face_network.hpp"
#include "training/run_folder.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// The loss is not a number any more, so that further steps would be in vain.
class Diverged : public daf::Error {
  public:
    using daf::Error::Error;
};

class Training {
  public:
    /// All four must outlive it.
    Training(const TrainConfig& config, const RunFolder& folder, FaceNetwork& network, const Splits& data);

    /// Begins a run: takes the parameters of `config.weights`, if there are any.
    void start();

    /// Goes on where the run's newest checkpoint stands, to the same bits as if it had never stopped; from
    /// the beginning if there is none.
    void resume();

    int epochs_done() const { return epochs_done_; }

    /// Trains until `config.epochs` are done. After every epoch: its line in metrics.jsonl, best.safetensors
    /// if it is the best, last.safetensors. Throws Diverged, or daf::FileError with the earlier files as they
    /// were.
    void run(Progress& progress);

    /// The best epoch's model on the validation images. The network is that model afterwards.
    Judgement judge_best();

  private:
    EpochRecord train_epoch(Progress& progress);
    void finish_epoch(EpochRecord& record, Progress& progress);
    daf::CheckpointInfo checkpoint() const;
    [[noreturn]] void diverged(const std::string& where, const std::string& what) const;

    const TrainConfig& config_;
    const RunFolder& folder_;
    FaceNetwork& network_;
    const Splits& data_;
    BatchBuffer batch_;
    daf::Plateau schedule_;
    int epochs_done_ = 0;
    std::string best_checksum_;
};

}  // namespace daf_cnn
