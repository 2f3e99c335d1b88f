#include <CLI/CLI.hpp>
#include <daf/io/file.hpp>
#include <iostream>
#include <memory>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "training/ablation.hpp"
#include "training/judging.hpp"
#include "training/run.hpp"
#include "training/settings.hpp"
#include "training/stop.hpp"

namespace daf_cnn {

namespace {

struct Request {
    AblationConfig config;
    Given given;
    std::string run;
    bool resume = false;
};

/// The last seed must be one that --seed takes.
void check_seeds(const AblationConfig& config) {
    const auto most = static_cast<std::uint64_t>(any_seed.high);
    const std::uint64_t last = config.training.seed + static_cast<std::uint64_t>(config.seeds) - 1;
    if (last <= most) return;
    throw BadUse("--seed: expected at most " + std::to_string(most) + " for the last of --seeds " +
                 std::to_string(config.seeds) + ", but it would be " + std::to_string(last) +
                 "; take a smaller --seed or fewer --seeds");
}

/// A run's folder looks like an ablation's to who names it.
void check_is_ablation(const RunFolder& folder) {
    if (config_of(folder.config()) != ConfigOf::run) return;
    throw BadUse("--resume: expected the folder of an ablation, but '" + folder.path().string() +
                 "' is one run's; go on with it by daf-cnn train --run " +
                 shell_word(folder.path().string()) + " --resume");
}

/// From the command line, or from the ablation's own config.json.
AblationConfig settled(const Request& request, const RunFolder& folder) {
    AblationConfig config = request.config;
    if (!request.resume) {
        complete(config.training, request.given);
        check_seeds(config);
        return config;
    }
    check_is_ablation(folder);
    AblationConfig stored;
    read_settings(folder.config(), settings_of(stored));
    make_paths_absolute(config.training);
    resume_settings(settings_of(stored), settings_of(config), request.given);
    check_seeds(stored);
    return stored;
}

/// The best accuracy of a run that has done all its epochs. Throws BadUse where it has done more of them:
/// beside runs of fewer its figure would mean nothing.
std::optional<double> finished(const RunFolder& run, int epochs) {
    std::error_code ignored;
    if (!std::filesystem::exists(run.last(), ignored)) return std::nullopt;
    const daf::CheckpointInfo info = daf::checkpoint_info(daf::open_checkpoint(run.last()));
    run.check_epochs(info.epoch, epochs);
    if (info.epoch < epochs) return std::nullopt;
    return info.schedule.best_accuracy;
}

/// A run that is there must be the one that belongs there: only what is free on resume may differ.
void check_belongs(const RunFolder& run, TrainConfig wanted) {
    TrainConfig found = read_config(run.config());
    Given all;
    for (const Setting& setting : settings_of(wanted)) all.insert(std::string(setting.option.name));
    try {
        resumed(found, wanted, all);
    } catch (const BadUse& contradiction) {
        throw daf::MismatchError(run.config().string() + ": another run than this ablation's: " +
                                 contradiction.what() + ", or move the folder away");
    }
    if (found.data != wanted.data) {  // of one table all runs have the same
        throw daf::MismatchError(run.config().string() +
                                 ": another run than this ablation's: its --data is '" + found.data +
                                 "', not '" + wanted.data + "'. Move the data back, or the folder away.");
    }
}

/// What a run came to that is there and finished. Throws for one that cannot stand in this table.
std::optional<double> kept(const RunFolder& run, const TrainConfig& config) {
    std::error_code ignored;
    // A folder without config.json was left before its run began.
    if (!std::filesystem::exists(run.config(), ignored)) return std::nullopt;
    check_belongs(run, config);
    return finished(run, config.epochs);
}

/// visit(variant's number, configuration, folder) for every run. Seed by seed: stopped early, it has
/// something to compare.
template <class Visit>
void for_each_run(const AblationConfig& config, const RunFolder& folder, Visit&& visit) {
    for (int seed = 0; seed < config.seeds; ++seed) {
        for (std::size_t v = 0; v < variants.size(); ++v) {
            const TrainConfig one = config.of(variants[v], seed);
            visit(v, one,
                  RunFolder(folder.path() / variants[v].folder / ("seed-" + std::to_string(one.seed))));
        }
    }
}

void write_table(const AblationConfig& config, const RunFolder& folder, const Accuracies& accuracies) {
    daf::write_atomically(ablation_file(folder.path()),
                          [&](daf::FileWriter& file) { file.write(ablation_json(config, accuracies)); });
}

/// Looks at every run before anything is written, then keeps the configuration. The table goes first: report
/// would show it beside models that may not be its own. Where all runs are finished, the new one is written
/// at once.
void take_up(AblationConfig config,
             const RunFolder& folder) {  // a copy: settings_of refers to what it may change
    bool all_finished = true;
    Accuracies accuracies;
    for_each_run(config, folder, [&](std::size_t v, const TrainConfig& one, const RunFolder& run) {
        const auto accuracy = kept(run, one);
        all_finished = all_finished && accuracy.has_value();
        accuracies[v].push_back(accuracy.value_or(0));
    });
    std::filesystem::remove(ablation_file(folder.path()));
    write_settings(folder.config(), settings_of(config));
    if (all_finished) write_table(config, folder, accuracies);
}

double accuracy_of(daf::Cpu& cpu, const TrainConfig& config, const RunFolder& run, const Splits& data) {
    std::error_code ignored;
    const bool there = std::filesystem::exists(run.config(), ignored);
    std::optional<RunLock> lock;
    if (there) lock = claim(run, Begin::where_it_stopped);
    if (const auto accuracy = kept(run, config)) {
        std::cout << "kept: " << run.path().string() << std::endl;
        return *accuracy;
    }
    return run_training(cpu, config, run, data, there ? Begin::where_it_stopped : Begin::anew).accuracy();
}

Accuracies train_all(daf::Cpu& cpu, const AblationConfig& config, const RunFolder& folder,
                     const Splits& data) {
    Accuracies accuracies;
    const std::size_t runs = variants.size() * static_cast<std::size_t>(config.seeds);
    std::size_t number = 0;
    for_each_run(config, folder, [&](std::size_t v, const TrainConfig& one, const RunFolder& run) {
        std::cout << formatted("\n== run %zu of %zu: %s, seed %llu\n", ++number, runs,
                               std::string(variants[v].name).c_str(),
                               static_cast<unsigned long long>(one.seed));
        accuracies[v].push_back(accuracy_of(cpu, one, run, data));
        std::cout << "validation accuracy " << share_text(accuracies[v].back()) << std::endl;
    });
    return accuracies;
}

void ablate(const Request& request) {
    if (request.run.empty())
        throw BadUse("--run: expected a folder for the runs, but was given none; add --run DIR");
    const StopAtOnce stop;  // but in Training::run
    const RunFolder folder(request.run);
    const Begin begin = request.resume ? Begin::where_it_stopped : Begin::anew;
    std::optional<RunLock> lock = claim(folder, begin);
    AblationConfig config = settled(request, folder);
    check_device(config.training);
    daf::Cpu cpu(daf::Threads{config.training.threads});
    const Splits data = load_run_data(cpu, config.training, begin);
    check_batch(config.training, data);
    if (begin == Begin::anew) lock = claim_new(folder);
    take_up(config, folder);
    try {
        const Accuracies accuracies = train_all(cpu, config, folder, data);
        write_table(config, folder, accuracies);
        std::cout << '\n' << ablation_text(config, accuracies);
    } catch (const Stopped& stopped) {
        throw Stopped(stopped.without_command,
                      "daf-cnn ablate --run " + shell_word(folder.path().string()) + " --resume");
    }
}

}  // namespace

Command add_ablate(CLI::App& program) {
    CLI::App* app =
        program.add_subcommand("ablate", "Train the four variants of the paper's Table 1 and compare them");
    const auto request = std::make_shared<Request>();
    const auto add = [&](const Option& option, auto& value) {
        add_option(*app, option, value, request->given);
    };
    add(Option{"run", AnyText{"DIR"}, "folder for the runs' folders; must not exist, except with --resume"}
            .in("Run"),
        request->run);
    add(Option{"resume", AnyText{},
               "go on with the ablation in DIR: finished runs are kept; only --seeds, --epochs, --threads, "
               "--device, --precision and --save-every may differ from its own"}
            .in("Run"),
        request->resume);
    for_each_option(request->config, add);
    app->footer(
        "The folder then holds a run in VARIANT/seed-N each, and ablation.json.\n\n"
        "Examples:\n"
        "  daf-cnn ablate --data fer2013.csv --epochs 60 --seeds 3 --run runs/table-1\n"
        "  daf-cnn ablate --run runs/table-1 --resume --seeds 5");
    return [request] { ablate(*request); };
}

}  // namespace daf_cnn
