// `daf-cnn train` and `daf-cnn finetune`: one command with other defaults.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "training/judging.hpp"
#include "training/run.hpp"
#include "training/settings.hpp"
#include "training/stop.hpp"
#include "training/trained_network.hpp"

namespace daf_cnn {

namespace {

struct Request {
    TrainConfig config;
    Given given;
    std::string run;
    std::optional<std::string> repeat{};  // --config
    bool resume = false;
    bool needs_weights = false;
};

/// The preset and attention of --weights; what the command line says of them must agree.
void follow_weights(TrainConfig& config, const Given& given) {
    if (!config.weights) return;
    const Origin origin = origin_of(daf::open_checkpoint(*config.weights));
    const auto follow = [&](const char* name, std::string& value, std::string_view checkpoint) {
        if (given.contains(name) && value != checkpoint) {
            throw BadUse("--" + std::string(name) + ": the network of --weights has '" +
                         std::string(checkpoint) + "', but was given '" + value + "'; leave --" + name +
                         " out");
        }
        value = checkpoint;
    };
    follow("preset", config.preset, origin.preset->name);
    follow("attention", config.attention, origin.attention == Attention::full ? "full" : "none");
}

/// What the run is to do: from the command line, from another run's config.json, or from its own.
TrainConfig settled(const Request& request, const RunFolder& folder) {
    if (request.resume) {
        folder.check_resumable();
        TrainConfig config = request.config;
        make_paths_absolute(config);
        return resumed(read_config<TrainConfig>(folder.config()), config, request.given);
    }
    TrainConfig config = request.config;
    if (request.repeat) {
        config = repeated(read_config<TrainConfig>(*request.repeat), config, request.given);
    } else {
        complete(config, request.given);
        follow_weights(config, request.given);
    }
    if (request.needs_weights && !config.weights) {
        throw BadUse(
            "--weights: expected the checkpoint to start from, but was given none; add --weights "
            "DIR/best.safetensors of a run of daf-cnn train --objective softmax");
    }
    return config;
}

void train(const Request& request) {
    if (request.run.empty())
        throw BadUse("--run: expected a folder for the run's files, but was given none; add --run DIR");
    const StopAtOnce stop;  // but in Training::run
    if (request.resume && request.repeat) {
        throw BadUse("--config: --resume goes on by the run's own config.json; leave one of the two out");
    }
    const RunFolder folder(request.run);
    if (!request.resume) folder.check_new();
    const TrainConfig config = settled(request, folder);
    daf::Cpu cpu(daf::Threads{config.threads});
    const Splits data = load_run_data(cpu, config);
    const Judgement best =
        run_training(cpu, config, folder, data, request.resume ? Begin::where_it_stopped : Begin::anew);
    std::cout << "\nthe best epoch's model on the validation images:\n"
              << confusion_text(best.confusion) << "validation accuracy " << share_text(best.accuracy())
              << '\n';
}

Command add(CLI::App& program, const char* name, const char* description, Request defaults) {
    CLI::App* app = program.add_subcommand(name, description);
    const auto request = std::make_shared<Request>(std::move(defaults));
    const auto add_run_option = [&](const Option& option, auto& value) {
        add_option(*app, option.in("Run"), value, request->given);
    };
    add_run_option(
        Option{"run", AnyText{"DIR"}, "folder for the run's files; must not exist, except with --resume"},
        request->run);
    add_run_option(Option{"resume", AnyText{},
                          "go on with the run in DIR; only --epochs and --threads may differ from its own"},
                   request->resume);
    add_run_option(Option{"config", AnyText{"FILE"},
                          "repeat the run that wrote this config.json, to the same bits; options beside it "
                          "replace the file's, and nothing else follows from them"},
                   request->repeat);
    for_each_option(request->config, [&](const Option& option, auto& value) {
        add_option(*app, option, value, request->given);
    });
    return [request] { train(*request); };
}

}  // namespace

Command add_train(CLI::App& program) {
    return add(program, "train", "Train a network; its files go to --run DIR", {});
}

Command add_finetune(CLI::App& program) {
    Request request;
    request.needs_weights = true;
    request.config.objective = "tc";
    request.config.recipe = "sfew";
    request.config.first_centres = "means";
    return add(program, "finetune", "Train on from a checkpoint by the Triplet-Centre loss alone", request);
}

}  // namespace daf_cnn
