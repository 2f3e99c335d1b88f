// The training loop beside a device: the next step is queued while one runs, and everything else is as on the
// CPU. A CPU's network plays the device, as late as a device may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <daf/cpu/context.hpp>
#include <deque>

#include "base/progress.hpp"
#include "runs.hpp"
#include "training/training.hpp"

namespace {

using daf_cnn::Dataset;
using daf_cnn::FaceLearner;
using daf_cnn::TrainConfig;
using daf_test::ScratchFolder;
namespace fs = std::filesystem;

/// Passes everything on to another network, but runs a step only when somebody needs its result.
class LateNetwork final : public FaceLearner {
  public:
    explicit LateNetwork(FaceLearner& network) : network_(network) {}

    /// Sends a signal when so many steps have been queued.
    void raise_at(int step, int signal) { signal_at_ = step, signal_ = signal; }
    int steps_queued() const { return queued_; }
    std::size_t most_unfinished() const { return most_unfinished_; }
    bool saved_ahead() const { return saved_ahead_; }
    /// Whether first_not_finite was told the images of the step that was finished last.
    bool asked_of_last_step() const { return asked_of_last_step_; }

    bool runs_beside_host() const override { return true; }
    void queue_step(std::span<const float> images, std::span<const std::int32_t> labels) override {
        waiting_.push_back({{images.begin(), images.end()}, {labels.begin(), labels.end()}});
        seen_.push_back(waiting_.back().images);
        most_unfinished_ = std::max(most_unfinished_, ++unfinished_);
        if (++queued_ == signal_at_) std::raise(signal_);
    }
    daf::StepResult finish_step() override {
        if (unfinished_ == waiting_.size()) run_one();
        --unfinished_;
        last_ = std::move(seen_.front());
        seen_.pop_front();
        return network_.finish_step();
    }

    std::string architecture() const override { return network_.architecture(); }
    daf::Index side() const override { return network_.side(); }
    daf::Index parameter_count() const override { return network_.parameter_count(); }
    daf::Index bytes() const override { return network_.bytes(); }
    void judge(std::span<const float> images, std::span<const std::int32_t> labels,
               daf_cnn::Judgement& so_far) override {
        current().judge(images, labels, so_far);
    }
    std::vector<daf_cnn::Reading> read(std::span<const float> images) override {
        return current().read(images);
    }
    std::vector<daf_cnn::Gaze> gaze(std::span<const float> images) override { return current().gaze(images); }
    std::string first_not_finite(std::span<const float> images) override {
        asked_of_last_step_ = std::ranges::equal(images, last_);
        return current().first_not_finite(images);
    }
    std::string first_not_finite_judging(std::span<const float> images) override {
        return current().first_not_finite_judging(images);
    }
    std::vector<float> centres() const override { return network_.centres(); }
    void set_centres(std::span<const float> values) override { current().set_centres(values); }
    std::array<double, daf_cnn::class_count> centre_norms() const override { return network_.centre_norms(); }
    void set_learning_rate(double rate) override { current().set_learning_rate(rate); }
    std::string save(const fs::path& path, daf::CheckpointInfo info) override {
        saved_ahead_ = saved_ahead_ || unfinished_ > 0;
        return current().save(path, std::move(info));
    }
    void take_parameters(const daf::Safetensors& file) override { current().take_parameters(file); }
    daf::CheckpointInfo restore(const daf::Safetensors& file) override { return current().restore(file); }
    void reload(const daf::Safetensors& file) override { current().reload(file); }

  private:
    struct Input {
        std::vector<float> images;
        std::vector<std::int32_t> labels;
    };
    void run_one() {
        network_.queue_step(waiting_.front().images, waiting_.front().labels);
        waiting_.pop_front();
    }
    /// The network behind every step that is queued.
    FaceLearner& current() {
        while (!waiting_.empty()) run_one();
        return network_;
    }

    FaceLearner& network_;
    std::deque<Input> waiting_;  // those that have not run
    std::size_t unfinished_ = 0, most_unfinished_ = 0;
    int queued_ = 0, signal_at_ = 0, signal_ = 0;
    std::deque<std::vector<float>> seen_;  // images of those that are not finished
    std::vector<float> last_;              // of the one that was finished last
    bool saved_ahead_ = false, asked_of_last_step_ = false;
};

/// Two epochs of six steps, then, without a rise, the best model again.
TrainConfig config() {
    TrainConfig config;
    config.limit = 96;
    config.batch = 16;
    config.epochs = 2;
    config.threads = 2;
    config.patience = 1;
    config.threshold = 1;
    config.save_every = 0;
    return config;
}

/// A run on a network of its own, which plays a device.
class Run {
  public:
    Run(daf::Cpu& cpu, const daf_cnn::Splits& data, const TrainConfig& config, const fs::path& path)
        : cpu_(cpu),
          data_(data),
          config_(config),
          folder_(path),
          network_(daf_cnn::preset_named(config.preset).make_learner(cpu, config.network_settings())) {
        fs::create_directory(path);
    }
    void train_late() { train(late_); }
    void train_at_once() { train(*network_); }
    LateNetwork& late() { return late_; }

  private:
    void train(FaceLearner& network) {
        daf_cnn::Training training(cpu_, config_, folder_, network, data_);
        training.resume();
        daf_cnn::Progress progress(config_.epochs, training.steps_left(), false);
        training.run(progress);
    }

    daf::Cpu& cpu_;
    const daf_cnn::Splits& data_;
    TrainConfig config_;
    daf_cnn::RunFolder folder_;
    std::unique_ptr<FaceLearner> network_;
    LateNetwork late_{*network_};
};

daf_cnn::Splits data_of(daf::Cpu& cpu, const TrainConfig& config) {
    return daf_cnn::load_data(cpu, config.data_source(), 48,
                              {daf_cnn::Split::train, daf_cnn::Split::validation});
}

}  // namespace

TEST_CASE("beside a device: a step is queued ahead, and the run is that of one step after the other") {
    const ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    const auto data = data_of(cpu, config());
    Run(cpu, data, config(), folder / "at once").train_at_once();
    Run run(cpu, data, config(), folder / "late");
    run.train_late();
    daf_test::check_same_run(folder / "at once", folder / "late");
    CHECK(run.late().most_unfinished() == 2);
    CHECK(run.late().steps_queued() == 12);
    CHECK_FALSE(run.late().saved_ahead());
}

TEST_CASE("beside a device: a save within the epoch waits until no step is under way, and changes nothing") {
    const ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    TrainConfig often = config();
    const auto data = data_of(cpu, often);
    Run(cpu, data, often, folder / "never").train_at_once();
    for (const double seconds : {1e-6, 0.05}) {  // always due, and now and then
        often.save_every = seconds / 60;
        const auto path = folder / std::to_string(seconds);
        Run run(cpu, data, often, path);
        run.train_late();
        daf_test::check_same_run(folder / "never", path);
        CHECK_FALSE(run.late().saved_ahead());
    }
}

TEST_CASE(
    "beside a device: a signal stops after the step that is queued, and the run goes on to the same bits") {
    const ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    const auto data = data_of(cpu, config());
    Run(cpu, data, config(), folder / "whole").train_at_once();
    const auto path = folder / "stopped";
    for (const int step : {1, 3}) {  // of those that are left: 1 and 4 of the epoch
        Run run(cpu, data, config(), path);
        run.late().raise_at(step, SIGTERM);
        CHECK(
            daf_test::contains(daf_test::message_of<daf_cnn::Stopped>([&] { run.train_late(); }),
                               "in epoch 1, batch " + std::to_string(step == 1 ? 1 : 4) + " of 6: saved in"));
        CHECK(run.late().steps_queued() == step);
        CHECK_FALSE(run.late().saved_ahead());
    }
    Run(cpu, data, config(), path).train_late();
    daf_test::check_same_run(folder / "whole", path);
}

TEST_CASE("beside a device: a loss that is not finite is told as on the CPU") {
    const ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{2});
    TrainConfig wild = config();
    wild.optimizer = "sgd";
    wild.lr = 1000;
    wild.weight_decay = 1000;
    wild.dropout = 0;
    wild.limit = 192;
    const auto data = data_of(cpu, wild);
    Run at_once(cpu, data, wild, folder / "at once"), late(cpu, data, wild, folder / "late");
    const auto message = daf_test::message_of<daf_cnn::Diverged>([&] { at_once.train_at_once(); });
    CHECK(daf_test::contains(message, " of 12: the loss is "));
    CHECK(daf_test::message_of<daf_cnn::Diverged>([&] { late.train_late(); }) == message);
    CHECK(late.late().most_unfinished() == 2);
    CHECK(late.late().asked_of_last_step());
}
