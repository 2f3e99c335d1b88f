#pragma once
// The training of one run: epochs, the plateau schedule with reload of the best model, and what is recorded.
#include <daf/train/checkpoint.hpp>
#include <daf/train/plateau.hpp>

#include "base/progress.hpp"
#include "data/data.hpp"
#include "data/feeder.hpp"
#include "network/face_network.hpp"
#include "training/run_folder.hpp"
#include "training/stop.hpp"
#include "training/train_config.hpp"
#include "training/unfinished_epoch.hpp"

namespace daf_cnn {

/// The loss is not a number any more, so that further steps would be in vain.
class Diverged : public daf::Error {
  public:
    using daf::Error::Error;
};

class Training {
  public:
    /// All must outlive it.
    Training(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& folder, FaceLearner& network,
             const Splits& data);

    /// Begins a run: takes the parameters of `config.weights`, if there are any.
    void start();

    /// Goes on where the run's newest checkpoint stands, to the same bits as if it had never stopped; from
    /// the beginning if there is none. Throws, with nothing changed, daf::MismatchError for a folder in a
    /// state that no stop leaves, and for images whose labels are not those that it was trained with; BadUse
    /// for fewer epochs than it has done.
    void resume();

    int epochs_done() const { return epochs_done_; }
    /// "2 epochs and 17 batches"; empty for a run that has not begun.
    std::string done_text() const;
    /// Until `config.epochs` are done.
    long steps_left() const;

    /// Trains until `config.epochs` are done. After every epoch: its line in metrics.jsonl, best.safetensors
    /// if it is the best, last.safetensors; within it last.safetensors again, every `config.save_every`
    /// minutes. Throws Stopped when a signal asks to stop, between two batches and after saving there;
    /// Diverged; or daf::FileError with the earlier files as they were.
    void run(Progress& progress);

    /// The best epoch's model on the validation images. The network is that model afterwards.
    Judgement judge_best();

  private:
    struct Session;

    int steps_of_epoch() const;
    void train_epoch(Session& session);
    Judgement validate(Session& session);
    /// While no step is under way: saves when it is time to, and stops when a signal asks for it.
    void pause(Session& session, const std::string& where);
    void save_within_epoch(Session& session);
    EpochRecord record_of(const Judgement& validation) const;
    void finish_epoch(EpochRecord record, Session& session);
    daf::CheckpointInfo checkpoint() const;
    [[noreturn]] void stopped(int signal, const std::string& where) const;
    [[noreturn]] void diverged(const std::string& where, double loss, const std::string& layer) const;

    const TrainConfig& config_;
    const RunFolder& folder_;
    FaceLearner& network_;
    const Splits& data_;
    Feeder feeder_;
    daf::Plateau schedule_;
    int epochs_done_ = 0;
    UnfinishedEpoch unfinished_;  // the epoch after those
    std::string best_checksum_;
    std::string labels_checksum_;
};

}  // namespace daf_cnn
