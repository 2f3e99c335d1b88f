#include "training/run.hpp"

#include <filesystem>
#include <iostream>

#include "base/text.hpp"
#include "network/gpu_preset.hpp"
#include "processor/instruction_sets.hpp"
#include "training/judging.hpp"
#include "training/training.hpp"

namespace daf_cnn {

namespace {

std::string megabytes(Index bytes) {
    return formatted("%.0f MB", static_cast<double>(bytes) / 1e6);
}

void introduce(const TrainConfig& config, const RunFolder& folder, const FaceNetwork& network,
               const Splits& data, int threads, const std::string& done) {
    std::cout << network.architecture() << ": " << network.parameter_count() << " parameters, images of "
              << network.side() << "x" << network.side() << '\n'
              << "data: " << data.train.source << ", " << data.train.size() << " to train on, "
              << data.validation.size() << " to validate";
    if (data.train.side != network.side())
        std::cout << ", enlarged from " << data.train.side << "x" << data.train.side;
    const auto pixels = static_cast<Index>(data.train.images.size() + data.validation.images.size());
    std::cout << '\n'
              << "this machine: " << counted(threads, "thread", "threads") << ", " << instruction_sets()
              << (config.device == "gpu" ? "; " + gpu_name() : std::string()) << "; memory "
              << megabytes(network.bytes()) << " for batches of " << config.batch << ", " << megabytes(pixels)
              << " for the images\n"
              << "run: " << folder.path().string();
    if (!done.empty()) std::cout << ", after " << done;
    std::cout << std::endl;
}

}  // namespace

std::optional<RunLock> claim(const RunFolder& folder, Begin begin) {
    if (begin == Begin::anew) {
        folder.check_new();
        return std::nullopt;
    }
    folder.check_resumable();
    std::optional<RunLock> lock(folder.path());
    folder.remove_leftovers();
    return lock;
}

RunLock claim_new(const RunFolder& folder) {
    folder.check_new();
    folder.create();
    RunLock lock = [&] {
        try {
            return RunLock(folder.path());
        } catch (...) {  // an empty folder would be in the way of the next try
            std::error_code stays;
            std::filesystem::remove(folder.path(), stays);
            throw;
        }
    }();
    folder.check_new();
    folder.remove_leftovers();
    return lock;
}

void check_device(const TrainConfig& config) {
    if (placement_of(config.device, config.precision).device == Device::gpu) gpu_name();
}

Splits load_run_data(daf::Cpu& cpu, const TrainConfig& config, Begin begin) {
    DataSource source = config.data_source();
    source.offers_skipping = begin == Begin::anew;
    return load_data(cpu, source, preset_named(config.preset).side, {Split::train, Split::validation});
}

void check_batch(const TrainConfig& config, const Splits& data) {
    const std::size_t images = data.train.size();
    if (images >= static_cast<std::size_t>(config.batch)) return;
    throw BadUse(
        formatted("--batch: expected at most the %zu training images that there are (%s), but was given '%d'",
                  images, data.train.source.c_str(), config.batch));
}

Judgement run_training(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& folder, const Splits& data,
                       Begin begin) {
    check_batch(config, data);
    NetworkSettings settings = config.network_settings();
    settings.last_judged = static_cast<Index>(data.validation.size()) % config.batch;
    const auto network = preset_named(config.preset).make_learner(cpu, settings);
    std::optional<RunLock> lock;
    Training training(cpu, config, folder, *network, data);
    if (begin == Begin::where_it_stopped) {
        training.resume();
    } else {
        training.start();
        lock = claim_new(folder);
    }
    write_config(folder.config(), config);
    introduce(config, folder, *network, data, cpu.threads(), training.done_text());
    if (config.weights && training.done_text().empty()) {
        const Judgement before = judge_split(*network, data.validation, config.batch);
        std::cout << "before the first epoch: validation accuracy " << share_text(before.accuracy())
                  << std::endl;
    }

    Progress progress(config.epochs, training.steps_left(), Progress::terminal());
    training.run(progress);
    return training.judge_best();
}

}  // namespace daf_cnn
