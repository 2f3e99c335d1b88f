// `daf-cnn train` and `daf-cnn finetune`: one command with other defaults.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "training/ablation.hpp"
#include "training/judging.hpp"
#include "training/run.hpp"
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

/// finetune is for one objective. Where a stored run has another one, that must be asked for.
void check_objective(const Request& request, const TrainConfig& config) {
    if (!request.needs_weights || config.objective == "tc" || request.given.contains("objective")) return;
    throw BadUse(std::string(request.resume ? "--resume" : "--config") +
                 ": expected a run by the Triplet-Centre loss alone, but its objective is '" +
                 config.objective + "'; " +
                 (request.resume ? "go on with it by daf-cnn train"
                                 : "add --objective tc, or repeat it by daf-cnn train"));
}

/// An ablation's folder or file looks like a run's to who names it.
void check_is_run(const Request& request, const RunFolder& folder) {
    if (request.resume && config_of(folder.config()) == ConfigOf::ablation) {
        throw BadUse("--resume: expected the folder of a run, but '" + folder.path().string() +
                     "' is an ablation's; go on with it by daf-cnn ablate --run " +
                     shell_word(folder.path().string()) + " --resume, or name the folder of one of its runs");
    }
    if (request.repeat && config_of(*request.repeat) == ConfigOf::ablation) {
        throw BadUse("--config: expected the config.json of a run, but '" + *request.repeat +
                     "' is an ablation's; name a run's own, DIR/VARIANT/seed-N/config.json");
    }
}

/// What the run is to do: from the command line, from another run's config.json, or from its own.
TrainConfig settled(const Request& request, const RunFolder& folder) {
    if (request.resume) {
        TrainConfig config = request.config;
        make_paths_absolute(config);
        return resumed(read_config(folder.config()), config, request.given);
    }
    TrainConfig config = request.config;
    if (request.repeat) {
        config = repeated(read_config(*request.repeat), config, request.given);
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
    if (request.resume && request.repeat) {
        throw BadUse("--config: --resume goes on by the run's own config.json; leave one of the two out");
    }
    const StopAtOnce stop;  // but in Training::run
    const RunFolder folder(request.run);
    const Begin begin = request.resume ? Begin::where_it_stopped : Begin::anew;
    const std::optional<RunLock> lock = claim(folder, begin);
    check_is_run(request, folder);
    const TrainConfig config = settled(request, folder);
    check_objective(request, config);
    check_device(config);
    daf::Cpu cpu(daf::Threads{config.threads});
    const Splits data = load_run_data(cpu, config, begin);
    const Judgement best = run_training(cpu, config, folder, data, begin);
    std::cout << "\nthe best epoch's model on the validation images:\n"
              << confusion_text(best.confusion) << "validation accuracy " << share_text(best.accuracy())
              << '\n';
}

Command add(CLI::App& program, const char* name, const char* description, const char* footer,
            Request defaults) {
    CLI::App* app = program.add_subcommand(name, description);
    const auto request = std::make_shared<Request>(std::move(defaults));
    const auto add_run_option = [&](const Option& option, auto& value) {
        add_option(*app, option.in("Run"), value, request->given);
    };
    add_run_option(
        Option{"run", AnyText{"DIR"}, "folder for the run's files; must not exist, except with --resume"},
        request->run);
    add_run_option(
        Option{"resume", AnyText{},
               "go on with the run in DIR; only --epochs, --threads, --device, --precision, --save-every and "
               "--data, the new place of the same images, may differ from its own"},
        request->resume);
    add_run_option(Option{"config", AnyText{"FILE"},
                          "repeat the run that wrote this config.json, to the same bits; options beside it "
                          "replace the file's, and nothing else follows from them"},
                   request->repeat);
    for_each_option(request->config, [&](Option option, auto& value) {
        if (request->needs_weights && option.name == "weights") option.default_note = "required";
        if (request->needs_weights && option.name == "recipe") option.default_note = "sfew";
        add_option(*app, option, value, request->given);
    });
    app->footer(footer);
    return [request] { train(*request); };
}

}  // namespace

Command add_train(CLI::App& program) {
    return add(program, "train", "Train a network; its files go to --run DIR",
               "The folder then holds config.json, metrics.jsonl, best.safetensors and\n"
               "last.safetensors. Ctrl-C saves and stops; --resume goes on to the same bits.\n\n"
               "Examples:\n"
               "  daf-cnn train --epochs 5 --batch 64 --run runs/first\n"
               "  daf-cnn train --run runs/first --resume --epochs 10\n"
               "  daf-cnn train --preset half --data fer2013.csv --epochs 60 --run runs/fer\n"
               "  daf-cnn train --config runs/fer/config.json --seed 2 --run runs/fer-2",
               {});
}

Command add_finetune(CLI::App& program) {
    Request request;
    request.needs_weights = true;
    request.config.objective = "tc";
    request.config.recipe = "sfew";
    request.config.first_centres = "means";
    return add(program, "finetune", "Train on from a checkpoint by the Triplet-Centre loss alone",
               "The paper's protocol for SFEW (section 4.3.2): a network that has learned a\n"
               "large set by softmax goes on with a small one; the Triplet-Centre loss replaces\n"
               "softmax, and the nearest centre classifies. Preset and attention are those of\n"
               "the checkpoint.\n\n"
               "Examples:\n"
               "  daf-cnn train --objective softmax --data fer2013.csv --run runs/pre\n"
               "  daf-cnn finetune --weights runs/pre/best.safetensors --data sfew.csv \\\n"
               "      --run runs/sfew",
               request);
}

}  // namespace daf_cnn
