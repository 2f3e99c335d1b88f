#pragma once
// Where an epoch stands between two of its batches.
#include <daf/io/safetensors.hpp>
#include <daf/net/learner.hpp>

namespace daf_cnn {

/// What a checkpoint in the middle of an epoch holds beside the network, so that training goes on to the same
/// bits and figures. The batches themselves follow from seed, epoch and step.
struct UnfinishedEpoch {
    int steps = 0;          // done
    daf::StepResult sum{};  // of their figures
    double seconds = 0;     // that they took
    double data_wait = 0;   // seconds of those that were spent waiting for images

    void add(const daf::StepResult& step);
    double mean_loss() const { return sum.loss / steps; }
    double accuracy() const { return static_cast<double>(sum.correct) / static_cast<double>(sum.count); }

    /// Adds its entries to a checkpoint's notes; none before the first step.
    void note(daf::Metadata& notes) const;
    /// What an open checkpoint noted. Throws daf::FormatError for what is no number, daf::MismatchError
    /// unless the epoch has that many steps.
    static UnfinishedEpoch noted(const daf::Safetensors& file, int steps_of_epoch);
};

}  // namespace daf_cnn
