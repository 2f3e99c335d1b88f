#include "training/training.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/text.hpp"
#include "training/first_centres.hpp"
#include "training/judging.hpp"
#include "training/trained_with.hpp"

namespace daf_cnn {

namespace {

using Clock = std::chrono::steady_clock;

/// In a checkpoint: the checksum of the best.safetensors that was there when it was written.
constexpr const char* best_note = "best_checksum";

/// "--lr, --lambda or --alpha": what makes a run's steps as large as they are.
std::string smaller_figures(const TrainConfig& config) {
    std::vector<std::string> options{"--lr"};
    const bool metric = config.objective != "softmax";
    if (metric && config.lambda > 0) options.push_back("--lambda");
    if (metric && config.centre_update == "eq12" && config.alpha > 0) options.push_back("--alpha");
    if (config.weight_decay > 0) options.push_back("--weight-decay");
    return listed(options);
}

/// A checkpoint that may be missing; a link to one may not.
struct Found {
    std::filesystem::path path;
    std::optional<daf::Safetensors> file;
    daf::CheckpointInfo info{};  // epoch 0 where there is no file

    explicit Found(std::filesystem::path of) : path(std::move(of)) {
        std::error_code ignored;
        if (symlink_status(path, ignored).type() == std::filesystem::file_type::not_found) return;
        file = daf::open_checkpoint(path);
        info = daf::checkpoint_info(*file);
    }
    [[noreturn]] void refuse(const std::string& expected, const std::string& found) const {
        throw daf::MismatchError(path.string() + ": expected " + expected + ", found " +
                                 (file ? found : "none") + ". Restore it, or start a new run.");
    }
};

}  // namespace

Training::Training(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& folder, FaceLearner& network,
                   const Splits& data)
    : config_(config),
      folder_(folder),
      network_(network),
      data_(data),
      feeder_(cpu, data.train, {network.side(), config.batch, daf::Seed{config.seed}, config.augmentation()}),
      schedule_(config.schedule()),
      labels_checksum_(labels_checksum(data)) {}

void Training::start() {
    if (!config_.weights) return;
    take_weights(network_, daf::open_checkpoint(*config_.weights), config_.first_centres, data_.train,
                 config_.batch);
}

void Training::resume() {
    const Found best(folder_.best()), last(folder_.last());
    best_checksum_ = best.file ? best.file->metadata(daf::checksum_key) : "";
    // best is written first: a run that was stopped between the two, and no other, has a newer best.
    const bool best_is_newer = best.info.epoch > last.info.epoch;
    if (best_is_newer &&
        (best.info.epoch != last.info.epoch + 1 || best.info.note(best_note) != last.info.note(best_note))) {
        last.refuse("the file that " + best.path.string() + " was written after", "another one");
    }
    if (!best_is_newer && last.file && last.info.note(best_note) != best_checksum_) {
        best.refuse("the file that " + last.path.string() + " was written beside", "another one");
    }
    const int newest_epoch = std::max(best.info.epoch, last.info.epoch);
    if (const std::ptrdiff_t recorded = folder_.whole_lines(); recorded > newest_epoch + 1) {
        last.refuse(
            "the model of the " + std::to_string(recorded) + " epochs in " + folder_.metrics().string(),
            "that of epoch " + std::to_string(last.info.epoch));
    }
    folder_.check_epochs(newest_epoch, config_.epochs);
    if (!best.file && !last.file) start();
    if (const Found& newest = best_is_newer ? best : last; newest.file) {
        check_trained_with(newest.path.string(), newest.info, data_, config_.data,
                           "Restore them, or start a new run.");
        const UnfinishedEpoch unfinished = UnfinishedEpoch::noted(*newest.file, steps_of_epoch());
        const daf::CheckpointInfo info = network_.restore(*newest.file);
        schedule_ = info.schedule;
        epochs_done_ = info.epoch;
        unfinished_ = unfinished;
        if (best_is_newer) network_.save(folder_.last(), checkpoint());
    }
    folder_.forget_after(epochs_done_);
}

int Training::steps_of_epoch() const {
    return feeder_.steps();
}

long Training::steps_left() const {
    const long epochs = std::max(0, config_.epochs - epochs_done_);
    return epochs == 0 ? 0 : epochs * steps_of_epoch() - unfinished_.steps;
}

std::string Training::done_text() const {
    std::string text = epochs_done_ == 0 ? "" : counted(epochs_done_, "epoch", "epochs");
    if (unfinished_.steps == 0) return text;
    return text + (text.empty() ? "" : " and ") + counted(unfinished_.steps, "batch", "batches");
}

/// What lasts from the beginning of run() to its end.
struct Training::Session {
    Progress& progress;
    Clock::duration save_every;  // zero: only after each epoch
    StopWhenSaved stop{};
    Clock::time_point lap = Clock::now();
    Clock::time_point saved = Clock::now();

    bool save_is_due() const {
        return save_every > Clock::duration::zero() && Clock::now() - saved >= save_every;
    }
    /// Whether something waits for a moment in which no step is under way.
    bool wants_pause() const { return stop.signal() != 0 || save_is_due(); }
    /// Seconds since the last call.
    double lap_seconds() {
        const auto now = Clock::now();
        return std::chrono::duration<double>(now - std::exchange(lap, now)).count();
    }
};

void Training::run(Progress& progress) {
    const std::chrono::duration<double, std::ratio<60>> minutes(config_.save_every);
    Session session{progress, std::chrono::duration_cast<Clock::duration>(minutes)};
    while (epochs_done_ < config_.epochs) {
        train_epoch(session);
        const Judgement validation = validate(session);
        finish_epoch(record_of(validation), session);
        if (const int signal = session.stop.signal())
            stopped(signal, formatted("after epoch %d of %d", epochs_done_, config_.epochs));
    }
}

/// Beside a device, images are read and sent while the step before runs. A checkpoint is what all queued
/// steps have made of the network, so before a pause none is queued ahead.
void Training::train_epoch(Session& session) {
    const int epoch = epochs_done_ + 1, steps = steps_of_epoch();
    feeder_.begin(epoch, unfinished_.steps);
    int queued = unfinished_.steps;
    const auto queue_next = [&] {
        const Feeder::Batch batch = feeder_.next();
        unfinished_.data_wait += batch.waited;
        network_.queue_step(batch.images, batch.labels);
        ++queued;
    };
    while (unfinished_.steps < steps) {
        if (queued == unfinished_.steps) queue_next();
        if (network_.runs_beside_host() && queued < steps && !session.wants_pause()) queue_next();
        const daf::StepResult result = network_.finish_step();
        const std::string where = formatted("epoch %d, batch %d of %d", epoch, unfinished_.steps + 1, steps);
        if (!std::isfinite(result.loss)) {
            feeder_.begin(epoch, unfinished_.steps);  // the feeder may be further
            diverged(where, result.loss, network_.first_not_finite(feeder_.next().images));
        }
        unfinished_.add(result);
        session.progress.step(epoch, unfinished_.steps, steps, unfinished_.mean_loss(),
                              unfinished_.accuracy());
        unfinished_.seconds += session.lap_seconds();
        if (queued == unfinished_.steps) pause(session, where);
    }
}

Judgement Training::validate(Session& session) {
    const std::string where = formatted("epoch %d, validation", epochs_done_ + 1);
    Judgement validation =
        judge_split(network_, data_.validation, config_.batch,
                    [&](const Judgement& so_far, std::span<const float> images) {
                        if (!std::isfinite(so_far.softmax_sum))
                            diverged(where, so_far.softmax_sum, network_.first_not_finite_judging(images));
                        unfinished_.seconds += session.lap_seconds();
                        pause(session, where);
                    });
    unfinished_.seconds += session.lap_seconds();
    return validation;
}

void Training::pause(Session& session, const std::string& where) {
    if (const int signal = session.stop.signal()) {
        network_.save(folder_.last(), checkpoint());
        stopped(signal, "in " + where);
    }
    if (session.save_is_due()) save_within_epoch(session);
}

/// A disk that is full now may have room at the epoch's end: training goes on without this save.
void Training::save_within_epoch(Session& session) {
    try {
        network_.save(folder_.last(), checkpoint());
    } catch (const daf::FileError& error) {
        session.progress.line(std::string("not saved, training goes on: ") + error.what());
    }
    session.saved = Clock::now();
}

EpochRecord Training::record_of(const Judgement& validation) const {
    const auto images = static_cast<double>(unfinished_.sum.count);
    const auto norms = network_.centre_norms();
    EpochRecord record;
    record.epoch = epochs_done_ + 1;
    record.loss = unfinished_.mean_loss();
    record.softmax = unfinished_.sum.softmax / unfinished_.steps;
    record.tc = unfinished_.sum.metric / unfinished_.steps;
    record.active = static_cast<double>(unfinished_.sum.active) / images;
    record.centre_norm = std::accumulate(norms.begin(), norms.end(), 0.0) / static_cast<double>(norms.size());
    record.train_accuracy = unfinished_.accuracy();
    record.val_accuracy = validation.accuracy();
    record.lr = schedule_.rate;
    record.seconds = unfinished_.seconds;
    record.data_wait = unfinished_.data_wait;
    return record;
}

/// The order of the writes is what makes a stop between any two of them harmless: a metrics line without its
/// checkpoint is taken back on resume, and a best model without its last one is gone on from.
void Training::finish_epoch(EpochRecord record, Session& session) {
    const daf::PlateauVerdict verdict = schedule_.observe(record.val_accuracy);
    ++epochs_done_;
    unfinished_ = {};
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
    session.saved = Clock::now();

    session.progress.line(formatted(
        "epoch %*d/%d  loss %.4f  softmax %.4f  tc %.3f  active %.3f  train %.4f  validation %.4f%s  "
        "lr %g  %.1f s",
        static_cast<int>(std::to_string(config_.epochs).size()), record.epoch, config_.epochs, record.loss,
        record.softmax, record.tc, record.active, record.train_accuracy, record.val_accuracy,
        verdict.best ? " best" : "", record.lr, record.seconds));
    if (verdict.reload) {
        session.progress.line(formatted("no rise for %d epochs: back to the best model, learning rate %g",
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
    info.notes[labels_note] = labels_checksum_;
    unfinished_.note(info.notes);
    return info;
}

void Training::stopped(int signal, const std::string& where) const {
    throw Stopped("stopped by " + signal_name(signal) + " " + where + ": saved in " + folder_.path().string(),
                  "daf-cnn train --run " + shell_word(folder_.path().string()) + " --resume");
}

void Training::diverged(const std::string& where, double loss, const std::string& layer) const {
    std::error_code ignored;
    const bool kept = std::filesystem::exists(folder_.best(), ignored);
    const std::string number = std::isnan(loss) ? "nan" : formatted("%g", loss);
    throw Diverged(where + ": the loss is " + number +
                   "; the first layer with a number that is not finite is " + layer + ". " +
                   (config_.weights && epochs_done_ == 0
                        ? "Take another checkpoint than --weights " + *config_.weights + ", or train"
                        : "Train") +
                   " in another --run, with a smaller " + smaller_figures(config_) +
                   (kept ? "; the best model so far is kept in " + folder_.best().string() : "") + ".");
}

Judgement Training::judge_best() {
    network_.take_parameters(daf::open_checkpoint(folder_.best()));
    return judge_split(network_, data_.validation, config_.batch);
}

}  // namespace daf_cnn
