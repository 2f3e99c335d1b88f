#pragma once
// Everything that decides what `daf-cnn train` does: read from the command line, kept in the run's
// config.json.
#include <cstdint>
#include <daf/core/random.hpp>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "command/option.hpp"
#include "data/data.hpp"
#include "network/face_network.hpp"

namespace daf_cnn {

struct TrainConfig {
    std::string preset = "lite";
    std::string attention = "full";
    std::string objective = "joint";
    std::optional<std::string> weights{};
    std::string data = "generated";
    std::uint64_t data_seed = default_data_seed;
    std::optional<std::uint32_t> limit{};
    bool skip_bad = false;
    int epochs = 20;
    int batch = 128;
    int threads = default_threads();
    std::uint64_t seed = 1;
    std::string recipe = "fer2013";
    double margin = 11;
    double lambda = 0.007;
    double alpha = 0.005;
    std::string tc_reduction = "sum";
    std::string centre_update = "eq12";
    double dropout = 0.5;
    std::string optimizer = "adam";
    double lr = 1e-3;
    double lr_floor = 1e-5;
    double weight_decay = 0;
    double momentum = 0.9;
    int patience = 13;
    double lr_factor = 0.2;
    double threshold = 0.0005;
    bool keep_epochs = false;
    double save_every = 10;  // minutes

    DataSource data_source() const { return {data, daf::Seed{data_seed}, limit, skip_bad}; }
    NetworkSettings network_settings() const;
    daf::Plateau schedule() const;
};

/// Names of options that stood on the command line.
using Given = std::set<std::string, std::less<>>;

/// Gives the options that were left out the values that follow from the others (the recipe's margin, say).
/// Throws BadUse for options that cannot act together.
void complete(TrainConfig& config, const Given& given);

/// Files by their absolute paths, so that a run is resumed from any folder.
void make_paths_absolute(TrainConfig& config);

/// Takes what a resumed run was started with; the command line may repeat it, and change what is free on
/// resume. Throws BadUse that names the option which contradicts.
TrainConfig resumed(const TrainConfig& stored, const TrainConfig& command_line, const Given& given);

/// Whole or not at all.
void write_config(const std::filesystem::path& path, const TrainConfig& config);
/// Throws daf::FileError or daf::FormatError that names the file and the entry.
TrainConfig read_config(const std::filesystem::path& path);

/// visit(Option, member) for every option, in the order of --help and config.json.
template <class Config, class Visit>
void for_each_option(Config& config, Visit&& visit) {
    constexpr double large = 1e6;
    const Interval positive{0, large, false, true};
    const Interval not_negative{0, large};
    const Interval share_below_one{0, 1, true, false};
    const Choice presets{{"paper", "half", "lite"}};

    visit(Option{"preset", presets, "the network"}, config.preset);
    visit(Option{"attention", Choice{{"full", "none"}}, "3D attention behind block 5, or none"},
          config.attention);
    visit(
        Option{"objective", Choice{{"joint", "softmax", "tc"}},
               "Eq 13; softmax alone; or the Triplet-Centre loss alone, where the nearest centre classifies"},
        config.objective);
    visit(Option{"weights", AnyText{"FILE"}, "a checkpoint to take the first parameters from", "none: drawn"},
          config.weights);
    visit(Option{"data", AnyText{"FOLDER|FILE.csv"},
                 "'generated' for faces drawn by the program, images as FOLDER/train|val|test/CLASS/IMAGE, "
                 "or a file "
                 "in FER2013's CSV layout"},
          config.data);
    visit(Option{"data-seed", any_seed, "which faces are generated"}, config.data_seed);
    visit(Option{"limit", Interval{1, 1e9}, "the first N images of each split",
                 "all; generated: 7000, 1400 and 1400"},
          config.limit);
    visit(Option{"skip-bad", AnyText{}, "leave out images that cannot be read, and say how many"},
          config.skip_bad);
    visit(Option{"epochs", Interval{1, large}, "passes over the training images", {}, true}, config.epochs);
    visit(Option{"batch", Interval{1, 65536}, "images a step", "by the recipe: 128 or 32"}, config.batch);
    visit(
        Option{"threads", Interval{1, 256}, "threads; the result does not depend on them", "all cores", true},
        config.threads);
    visit(Option{"seed", any_seed, "first values, shuffling and dropout"}, config.seed);
    visit(Option{"recipe", Choice{{"fer2013", "sfew"}},
                 "the paper's batch, margin and lambda for that data set",
                 "sfew for a folder, otherwise fer2013"},
          config.recipe);
    visit(Option{"margin", not_negative, "m of the Triplet-Centre loss (Eq 8)", "by the recipe: 11 or 13"},
          config.margin);
    visit(Option{"lambda", not_negative, "weight of the Triplet-Centre loss (Eq 13)",
                 "by the recipe: 0.007 or 0.013"},
          config.lambda);
    visit(Option{"alpha", not_negative, "rate of the centres' update (Eq 12)"}, config.alpha);
    visit(Option{"tc-reduction", Choice{{"sum", "mean"}}, "how a batch's Triplet-Centre losses become one"},
          config.tc_reduction);
    visit(Option{"centre-update", Choice{{"eq12", "gradient"}},
                 "what moves the centres: Eq 12, or the exact gradient of Eq 9 through the optimizer"},
          config.centre_update);
    visit(Option{"dropout", share_below_one, "rate before each of the last two layers"}, config.dropout);
    visit(Option{"optimizer", Choice{{"adam", "sgd"}}, "sgd has Nesterov's momentum"}, config.optimizer);
    visit(Option{"lr", positive, "the first learning rate", "0.001; sgd: 0.01"}, config.lr);
    visit(Option{"lr-floor", not_negative, "the rate never drops below it", "0.00001 or less: at most --lr"},
          config.lr_floor);
    visit(Option{"weight-decay", not_negative, "L2 penalty on weights"}, config.weight_decay);
    visit(Option{"momentum", share_below_one, "of --optimizer sgd"}, config.momentum);
    visit(Option{"patience", Interval{1, large},
                 "epochs without a rise of the validation accuracy before the rate drops"},
          config.patience);
    visit(Option{"lr-factor", Interval{0, 1, false, false}, "what the rate is then multiplied by"},
          config.lr_factor);
    visit(Option{"threshold", Interval{0, 1}, "what counts as a rise"}, config.threshold);
    visit(Option{"keep-epochs", AnyText{}, "keep every epoch's model as DIR/epoch-NNNN.safetensors"},
          config.keep_epochs);
    visit(
        Option{"save-every",
               not_negative,
               "minutes between saves within an epoch; 0: only after each epoch. The result does not depend "
               "on them",
               {},
               true},
        config.save_every);
}

}  // namespace daf_cnn
