#include <CLI/CLI.hpp>
#include <Eigen/Core>
#include <iostream>
#include <memory>

#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "command/text.hpp"
#include "processor/features.hpp"
#include "training/judging.hpp"
#include "training/training.hpp"

namespace daf_cnn {

namespace {

struct Request {
    TrainConfig config;
    Given given;
    std::string run;
    bool resume = false;
};

/// What the run is to do: from the command line, or from the run's own config.json.
TrainConfig settled(const Request& request, const RunFolder& folder) {
    TrainConfig config = request.config;
    if (!request.resume) {
        complete(config, request.given);
        return config;
    }
    folder.check_resumable();
    make_paths_absolute(config);
    return resumed(read_config(folder.config()), config, request.given);
}

void check_batch(const TrainConfig& config, const Splits& data) {
    const std::size_t images = data.train.size();
    if (images >= static_cast<std::size_t>(config.batch)) return;
    throw BadUse(
        formatted("--batch: expected at most the %zu training images that there are (%s), but was given '%d'",
                  images, data.train.source.c_str(), config.batch));
}

std::string megabytes(Index bytes) {
    return formatted("%.0f MB", static_cast<double>(bytes) / 1e6);
}

/// What this build uses of the processor, and what it leaves out.
std::string instruction_sets() {
    std::string text = Eigen::SimdInstructionSetsInUse();
    const std::string unused = unused_features();
    if (!unused.empty()) text += " (built without " + unused + "; -DDAF_NATIVE=ON uses all)";
    return text;
}

void introduce(const TrainConfig& config, const RunFolder& folder, const FaceNetwork& network,
               const Splits& data, int threads, int epochs_done) {
    std::cout << network.architecture() << ": " << network.parameter_count() << " parameters, images of "
              << network.side() << "x" << network.side() << '\n'
              << "data: " << data.train.source << ", " << data.train.size() << " to train on, "
              << data.validation.size() << " to validate";
    if (data.train.side != network.side())
        std::cout << ", enlarged from " << data.train.side << "x" << data.train.side;
    const auto pixels = static_cast<Index>(data.train.images.size() + data.validation.images.size());
    std::cout << '\n'
              << "this machine: " << threads << (threads == 1 ? " thread, " : " threads, ")
              << instruction_sets() << "; memory " << megabytes(network.bytes()) << " for batches of "
              << config.batch << ", " << megabytes(pixels) << " for the images\n"
              << "run: " << folder.path().string();
    if (epochs_done > 0) std::cout << ", after " << epochs_done << " epochs";
    std::cout << std::endl;
}

void train(const Request& request) {
    if (request.run.empty())
        throw BadUse("--run: expected a folder for the run's files, but was given none; add --run DIR");
    const RunFolder folder(request.run);
    if (!request.resume) folder.check_new();
    const TrainConfig config = settled(request, folder);

    daf::Cpu cpu(daf::Threads{config.threads});
    const Preset& preset = preset_named(config.preset);
    const Splits data = load_data(cpu, config.data_source(), preset.side, {Split::train, Split::validation});
    check_batch(config, data);
    const auto network = preset.make_network(cpu, config.network_settings());
    Training training(config, folder, *network, data);
    if (request.resume) {
        training.resume();
    } else {
        training.start();
        folder.create();
    }
    write_config(folder.config(), config);
    introduce(config, folder, *network, data, cpu.threads(), training.epochs_done());

    const long epochs_left = std::max(0, config.epochs - training.epochs_done());
    const long steps = epochs_left * (static_cast<long>(data.train.size()) / config.batch);
    Progress progress(config.epochs, steps, Progress::terminal());
    training.run(progress);

    const Judgement best = training.judge_best();
    std::cout << "\nthe best epoch's model on the validation images:\n"
              << confusion_text(best.confusion) << "validation accuracy " << share_text(best.accuracy())
              << '\n';
}

}  // namespace

Command add_train(CLI::App& program) {
    CLI::App* app = program.add_subcommand("train", "Train a network; its files go to --run DIR");
    const auto request = std::make_shared<Request>();
    add_option(
        *app,
        Option{"run", AnyText{"DIR"}, "folder for the run's files; must not exist, except with --resume"},
        request->run, request->given);
    add_option(*app,
               Option{"resume", AnyText{},
                      "go on with the run in DIR; only --epochs and --threads may differ from its own"},
               request->resume, request->given);
    for_each_option(request->config, [&](const Option& option, auto& value) {
        add_option(*app, option, value, request->given);
    });
    return [request] { train(*request); };
}

}  // namespace daf_cnn
