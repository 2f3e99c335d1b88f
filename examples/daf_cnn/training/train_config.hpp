#pragma once
// Everything that decides what `daf-cnn train` does: read from the command line, kept in the run's
// config.json.
#include <cstdint>
#include <daf/core/random.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "base/option.hpp"
#include "data/augmentation.hpp"
#include "data/data.hpp"
#include "network/face_network.hpp"
#include "training/common_options.hpp"

namespace daf_cnn {

struct TrainConfig {
    std::string preset = "lite";
    std::string attention = "full";
    std::string objective = "joint";
    std::optional<std::string> weights{};
    std::string first_centres = "checkpoint";
    std::string data = "generated";
    std::uint64_t data_seed = default_data_seed;
    std::optional<std::uint32_t> limit{};
    bool skip_bad = false;
    std::string augment = "on";
    std::string flip = "on";
    double rotate = 10;
    double zoom = 0.2;
    double shift = 0.1;
    double light = 0.2;
    int epochs = 20;
    int batch = 128;
    int threads = default_threads();
    std::string device = "cpu";
    std::string precision = "float";
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

    Augmentation augmentation() const;
    DataSource data_source() const { return {data, daf::Seed{data_seed}, limit, skip_bad}; }
    NetworkSettings network_settings() const;
    daf::Plateau schedule() const;
};

/// Gives the options that were left out the values that follow from the others (the recipe's margin, say).
/// Throws BadUse for options that cannot act together.
void complete(TrainConfig& config, const Given& given);

/// Throws BadUse for an option that is given in vain.
void check_acts(const TrainConfig& config, const Given& given);

/// Whether an option does anything in this configuration: momentum, say, does with --optimizer sgd alone.
bool acts(const TrainConfig& config, std::string_view option);

/// Files by their absolute paths, so that a run is resumed from any folder.
void make_paths_absolute(TrainConfig& config);

/// Takes what a resumed run was started with; the command line may repeat it, and change what is free on
/// resume. Throws BadUse that names the option which contradicts.
TrainConfig resumed(TrainConfig stored, TrainConfig command_line, const Given& given);

/// Whole or not at all.
void write_config(const std::filesystem::path& path, TrainConfig config);
/// Throws daf::FileError or daf::FormatError that names the file and the entry.
TrainConfig read_config(const std::filesystem::path& path);

/// The configuration of a run that repeats another one: `stored` in full, except what the command line gives,
/// and the number of threads, which belongs to the machine. Nothing else follows from what is given: a run by
/// another optimizer keeps the stored rate. Throws BadUse for options that cannot act together.
TrainConfig repeated(TrainConfig stored, TrainConfig command_line, const Given& given);

/// What --device and --precision say. Throws BadUse for a precision that the device does not have.
Placement placement_of(std::string_view device, std::string_view precision);

/// visit(Option, member) for every option, in the order of --help and config.json.
template <class Config, class Visit>
void for_each_option(Config& config, Visit&& visit) {
    constexpr double large = 1e6;
    const Interval positive{0, large, false, true};
    const Interval not_negative{0, large};
    const Interval share_below_one{0, 1, true, false};
    const auto under = [&visit](std::string_view heading) {
        return [&visit, heading](const Option& option, auto& value) { visit(option.in(heading), value); };
    };

    const auto run = under("Run");
    run(Option{"epochs", Interval{1, large}, "passes over the training images", {}, true}, config.epochs);
    run(Option{"batch", Interval{1, 65536}, "images a step", "by the recipe: 128 or 32"}, config.batch);
    run(threads_option(), config.threads);
    run(device_option().formerly("cpu"), config.device);
    run(precision_option().formerly("float"), config.precision);
    run(Option{"seed", any_seed, "first values, shuffling and dropout"}, config.seed);
    run(Option{"keep-epochs", AnyText{}, "keep every epoch's model as DIR/epoch-NNNN.safetensors"},
        config.keep_epochs);
    run(Option{"save-every",
               not_negative,
               "minutes between saves within an epoch; 0: only after each epoch. The result does not depend "
               "on them",
               {},
               true}
            .formerly("10"),
        config.save_every);
    run(Option{"recipe", Choice{{"fer2013", "sfew"}},
               "the paper's batch, margin and lambda for that data set", "sfew for a folder of images"},
        config.recipe);

    const auto data = under("Data");
    data(data_option(), config.data);
    data(data_seed_option(), config.data_seed);
    data(limit_option(), config.limit);
    data(skip_bad_option().formerly("false"), config.skip_bad);

    const auto augmentation = under("Augmentation");
    augmentation(Option{"augment", Choice{{"on", "off"}}, "whether training images are changed at random",
                        "on; off for generated faces, which differ enough"}
                     .formerly("off"),
                 config.augment);
    augmentation(
        Option{"flip", Choice{{"on", "off"}}, "mirror images left to right, with probability 1/2"}.formerly(
            "on"),
        config.flip);
    augmentation(Option{"rotate", Interval{0, 180}, "turn by up to so many degrees, each way"}.formerly("10"),
                 config.rotate);
    augmentation(Option{"zoom", share_below_one, "scale by 1 - Z to 1 + Z"}.formerly("0.2"), config.zoom);
    augmentation(
        Option{"shift", Interval{0, 1}, "shift by up to this share of the side, along x and y"}.formerly(
            "0.1"),
        config.shift);
    augmentation(
        Option{"light", Interval{0, 1}, "change brightness and contrast by up to this share"}.formerly("0.2"),
        config.light);

    const auto network = under("Network");
    network(preset_option("lite; that of --weights"), config.preset);
    network(Option{"attention", Choice{{"full", "none"}}, "3D attention behind block 5, or none",
                   "full; that of --weights"},
            config.attention);
    network(
        Option{"weights", AnyText{"FILE"}, "a checkpoint to take the first parameters from", "none: drawn"}
            .formerly("null"),
        config.weights);
    network(
        Option{"first-centres", Choice{{"means", "checkpoint", "gaussian"}},
               "with --weights, the classes' first centres: means of the training images' embeddings, the "
               "checkpoint's own, or drawn anew from N(0, 0.01)"}
            .formerly("checkpoint"),
        config.first_centres);
    network(Option{"dropout", share_below_one, "rate before each of the last two layers"}, config.dropout);

    const auto loss = under("Loss");
    loss(Option{"objective", Choice{{"joint", "softmax", "tc"}},
                "Eq 13; softmax alone; or the Triplet-Centre loss alone, where the nearest centre classifies"}
             .formerly("joint"),
         config.objective);
    loss(Option{"margin", not_negative, "m of the Triplet-Centre loss, Eq 8", "by the recipe: 11 or 13"},
         config.margin);
    loss(Option{"lambda", not_negative, "weight of the Triplet-Centre loss, Eq 13",
                "by the recipe: 0.007 or 0.013"},
         config.lambda);
    loss(Option{"alpha", not_negative, "rate of the centres' update, Eq 12"}, config.alpha);
    loss(Option{"tc-reduction", Choice{{"sum", "mean"}}, "how a batch's Triplet-Centre losses become one"},
         config.tc_reduction);
    loss(Option{"centre-update", Choice{{"eq12", "gradient"}},
                "what moves the centres: Eq 12, or the exact gradient of Eq 9 through the optimizer"},
         config.centre_update);

    const auto optimizer = under("Optimizer");
    optimizer(Option{"optimizer", Choice{{"adam", "sgd"}},
                     "what moves the parameters; sgd with Nesterov's momentum"},
              config.optimizer);
    optimizer(Option{"lr", positive, "the first learning rate", "0.001; sgd: 0.01"}, config.lr);
    optimizer(
        Option{"lr-floor", not_negative, "the rate never drops below it", "0.00001 or less: at most --lr"},
        config.lr_floor);
    optimizer(Option{"weight-decay", not_negative, "L2 penalty on weights"}, config.weight_decay);
    optimizer(Option{"momentum", share_below_one, "of --optimizer sgd"}, config.momentum);
    optimizer(Option{"patience", Interval{1, large},
                     "epochs without a rise of the validation accuracy before the rate drops"},
              config.patience);
    optimizer(Option{"lr-factor", Interval{0, 1, false, false}, "what the rate is then multiplied by"},
              config.lr_factor);
    optimizer(Option{"threshold", Interval{0, 1}, "what counts as a rise", "0.0005"}, config.threshold);
}

}  // namespace daf_cnn
