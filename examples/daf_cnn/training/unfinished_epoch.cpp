#include "training/unfinished_epoch.hpp"

#include <daf/train/checkpoint.hpp>

namespace daf_cnn {

namespace {

/// visit(name, number) for everything that is kept.
template <class Epoch, class Visit>
void for_each_number(Epoch& epoch, Visit&& visit) {
    visit("unfinished.steps", epoch.steps);
    visit("unfinished.loss", epoch.sum.loss);
    visit("unfinished.softmax", epoch.sum.softmax);
    visit("unfinished.metric", epoch.sum.metric);
    visit("unfinished.active", epoch.sum.active);
    visit("unfinished.correct", epoch.sum.correct);
    visit("unfinished.count", epoch.sum.count);
    visit("unfinished.seconds", epoch.seconds);
    visit("unfinished.data_wait", epoch.data_wait);
}

}  // namespace

void UnfinishedEpoch::add(const daf::StepResult& step) {
    ++steps;
    sum.loss += step.loss;
    sum.softmax += step.softmax;
    sum.metric += step.metric;
    sum.active += step.active;
    sum.correct += step.correct;
    sum.count += step.count;
}

void UnfinishedEpoch::note(daf::Metadata& notes) const {
    if (steps == 0) return;
    for_each_number(*this,
                    [&](const char* name, const auto& number) { notes[name] = daf::metadata_text(number); });
}

UnfinishedEpoch UnfinishedEpoch::noted(const daf::Safetensors& file, int steps_of_epoch) {
    UnfinishedEpoch epoch;
    if (!file.metadata().contains(daf::note_key("unfinished.steps"))) return epoch;
    for_each_number(epoch, [&](const char* name, auto& number) {
        number = file.number<std::remove_cvref_t<decltype(number)>>(daf::note_key(name));
    });
    if (epoch.steps < 1 || epoch.steps > steps_of_epoch) {
        throw daf::MismatchError(file.origin() + ": metadata 'note.unfinished.steps': expected at most the " +
                                 std::to_string(steps_of_epoch) + " batches that an epoch has, found " +
                                 std::to_string(epoch.steps) +
                                 ". The training images have changed; restore them, or start a new run.");
    }
    return epoch;
}

}  // namespace daf_cnn
