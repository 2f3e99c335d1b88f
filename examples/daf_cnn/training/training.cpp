#include "training/training.hpp"

#include <chrono>
#include <cmath>
#include <numeric>

#include "command/text.hpp"
#include "training/first_centres.hpp"
#include "training/judging.hpp"

namespace daf_cnn {

namespace {

using Clock = std::chrono::steady_clock;

/// In last.safetensors: the checksum of the best.safetensors that belongs to it.
constexpr const char* best_note = "best_checksum";

std::optional<daf::Safetensors> opened(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return std::nullopt;
    return daf::open_checkpoint(path);
}

}  // namespace

Training::Training(const TrainConfig& config, const RunFolder& folder, FaceNetwork& network,
                   const Splits& data)
    : config_(config),
      folder_(folder),
      network_(network),
      data_(data),
      batch_(network.side(), config.batch),
      schedule_(config.schedule()) {}

void Training::start() {
    if (!config_.weights) return;
    take_weights(network_, daf::open_checkpoint(*config_.weights), config_.first_centres, data_.train,
                 config_.batch);
}

void Training::resume() {
    const auto best = opened(folder_.best()), last = opened(folder_.last());
    const int best_epoch = best ? daf::checkpoint_info(*best).epoch : 0;
    const int last_epoch = last ? daf::checkpoint_info(*last).epoch : 0;
    if (last && best_epoch <= last_epoch) {
        const auto notes = daf::checkpoint_info(*last).notes;
        const auto recorded = notes.find(best_note);
        if (!best || recorded == notes.end() || recorded->second != best->metadata(daf::checksum_key)) {
            throw daf::MismatchError(folder_.best().string() + ": expected the file that " +
                                     folder_.last().string() + " was written beside, found " +
                                     (best ? "another one" : "none") + ". Restore it, or start a new run.");
        }
    }
    if (!best && !last) start();
    // best is written first: a run that was stopped between the two goes on from it.
    if (const auto& newest = best_epoch > last_epoch ? best : last) {
        const daf::CheckpointInfo info = network_.restore(*newest, daf::Restore::everything);
        schedule_ = info.schedule;
        epochs_done_ = info.epoch;
        best_checksum_ = best->metadata(daf::checksum_key);
        if (best_epoch > last_epoch) network_.save(folder_.last(), checkpoint());
    }
    folder_.forget_after(epochs_done_);
}

void Training::run(Progress& progress) {
    while (epochs_done_ < config_.epochs) {
        const auto start = Clock::now();
        EpochRecord record = train_epoch(progress);
        const Judgement judgement = judge_split(network_, data_.validation, config_.batch);
        if (!std::isfinite(judgement.softmax())) diverged("validation", formatted("%g", judgement.softmax()));
        record.val_accuracy = judgement.accuracy();
        record.seconds = std::chrono::duration<double>(Clock::now() - start).count();
        finish_epoch(record, progress);
    }
}

EpochRecord Training::train_epoch(Progress& progress) {
    EpochRecord record;
    record.epoch = epochs_done_ + 1;
    record.lr = schedule_.rate;
    const auto count = static_cast<std::uint32_t>(data_.train.size());
    const auto size = static_cast<std::uint32_t>(config_.batch);
    const std::vector<std::uint32_t> order = epoch_order(daf::Seed{config_.seed}, record.epoch, count);
    const int steps = static_cast<int>(count / size);
    daf::StepResult sum;
    for (int step = 1; step <= steps; ++step) {
        batch_.fill(data_.train, std::span(order).subspan(static_cast<std::size_t>(step - 1) * size, size));
        const daf::StepResult result = network_.step(batch_.images(), batch_.labels());
        if (!std::isfinite(result.loss)) {
            diverged(formatted("batch %d of %d", step, steps),
                     formatted("%g, first in %s", result.loss,
                               network_.first_not_finite(batch_.images()).c_str()));
        }
        sum.loss += result.loss;
        sum.softmax += result.softmax;
        sum.metric += result.metric;
        sum.active += result.active;
        sum.correct += result.correct;
        sum.count += result.count;
        progress.step(record.epoch, step, steps, sum.loss / step,
                      static_cast<double>(sum.correct) / static_cast<double>(sum.count));
    }
    const auto images = static_cast<double>(sum.count);
    const auto norms = network_.centre_norms();
    record.loss = sum.loss / steps;
    record.softmax = sum.softmax / steps;
    record.tc = sum.metric / steps;
    record.active = static_cast<double>(sum.active) / images;
    record.train_accuracy = static_cast<double>(sum.correct) / images;
    record.centre_norm = std::accumulate(norms.begin(), norms.end(), 0.0) / static_cast<double>(norms.size());
    return record;
}

/// The order of the writes is what makes a stop between any two of them harmless: a metrics line without its
/// checkpoint is taken back on resume, and a best model without its last one is gone on from.
void Training::finish_epoch(EpochRecord& record, Progress& progress) {
    const daf::PlateauVerdict verdict = schedule_.observe(record.val_accuracy);
    ++epochs_done_;
    record.reloaded = verdict.reload;
    folder_.record(record);
    network_.set_learning_rate(schedule_.rate);
    if (config_.keep_epochs) network_.save(folder_.epoch(record.epoch), checkpoint());
    if (verdict.best) best_checksum_ = network_.save(folder_.best(), checkpoint());
    if (verdict.reload) {
        network_.reload(daf::open_checkpoint(folder_.best()));
        network_.set_learning_rate(schedule_.rate);
    }
    network_.save(folder_.last(), checkpoint());

    progress.line(formatted(
        "epoch %*d/%d  loss %.4f  softmax %.4f  tc %.3f  active %.3f  train %.4f  validation %.4f%s  "
        "lr %g  %.1f s",
        static_cast<int>(std::to_string(config_.epochs).size()), record.epoch, config_.epochs, record.loss,
        record.softmax, record.tc, record.active, record.train_accuracy, record.val_accuracy,
        verdict.best ? " best" : "", record.lr, record.seconds));
    if (verdict.reload) {
        progress.line(formatted("no rise for %d epochs: back to the best model, learning rate %g",
                                config_.patience, schedule_.rate));
    }
}

daf::CheckpointInfo Training::checkpoint() const {
    daf::CheckpointInfo info;
    info.epoch = epochs_done_;
    info.schedule = schedule_;
    info.notes["margin"] = text_of(config_.margin);
    info.notes["objective"] = config_.objective;
    info.notes[best_note] = best_checksum_;
    return info;
}

void Training::diverged(const std::string& where, const std::string& what) const {
    std::error_code ignored;
    const bool kept = std::filesystem::exists(folder_.best(), ignored);
    throw Diverged(formatted("epoch %d, %s: the loss is %s. Train with a smaller --lr or --lambda",
                             epochs_done_ + 1, where.c_str(), what.c_str()) +
                   (kept ? "; the best model so far is kept in " + folder_.best().string() : "") + ".");
}

Judgement Training::judge_best() {
    network_.restore(daf::open_checkpoint(folder_.best()), daf::Restore::parameters);
    return judge_split(network_, data_.validation, config_.batch);
}

}  // namespace daf_cnn
