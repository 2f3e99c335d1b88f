#include "training/train_config.hpp"

#include <algorithm>
#include <daf/io/json.hpp>
#include <filesystem>
#include <optional>
#include <vector>

#include "training/settings.hpp"

namespace daf_cnn {

namespace {

/// What an option needs to act that the configuration does not have; nothing where it acts.
std::optional<std::string_view> missing_for(const TrainConfig& config, std::string_view option) {
    struct Need {
        bool met;
        std::string_view text;
        std::vector<std::string_view> options;
    };
    const Need needs[] = {
        {config.centre_update == "eq12", "--centre-update eq12", {"alpha"}},
        {config.objective != "softmax",
         "--objective joint or tc",
         {"lambda", "margin", "alpha", "tc-reduction", "centre-update"}},
        {config.optimizer == "sgd", "--optimizer sgd", {"momentum"}},
        {config.data == generated_data, "--data generated", {"data-seed"}},
        {config.augment == "on", "--augment on", {"flip", "rotate", "zoom", "shift", "light"}},
        {config.data != generated_data, "--data FOLDER or FILE.csv", {"skip-bad"}},
        {config.weights.has_value(), "--weights", {"first-centres"}},
    };
    for (const Need& need : needs) {
        if (!need.met && std::ranges::find(need.options, option) != need.options.end()) return need.text;
    }
    return std::nullopt;
}

/// Paths that config.json can hold, which is a JSON text.
void check_paths(const TrainConfig& config) {
    const auto check = [](const char* option, const std::string& path) {
        if (daf::json::is_utf8(path)) return;
        throw BadUse("--" + std::string(option) +
                     ": expected a path in UTF-8, as config.json is, but was given " +
                     daf::json::shown(path) + "; rename it, or give a link to it");
    };
    check("data", config.data);
    if (config.weights) check("weights", *config.weights);
}

/// A precision that was taken over from a run on a GPU is not blamed on who asked for the processor.
void check_placement(const TrainConfig& config, const Given& given) {
    if (config.device != "gpu" && config.precision != "float" && !given.contains("precision")) {
        throw BadUse("--device cpu: the run's precision is " + config.precision +
                     ", which is a GPU's: add --precision float");
    }
    placement_of(config.device, config.precision);
}

void check(const TrainConfig& config, const Given& given) {
    if (config.lr_floor > config.lr) {
        throw BadUse("--lr-floor: expected at most --lr, which is " + text_of(config.lr) +
                     ", but was given '" + text_of(config.lr_floor) + "'");
    }
    check_acts(config, given);
    check_paths(config);
    check_placement(config, given);
}

}  // namespace

void check_acts(const TrainConfig& config, const Given& given) {
    for (const std::string& name : given) {
        if (const auto missing = missing_for(config, name)) {
            throw BadUse("--" + name + ": it acts only with " + std::string(*missing) +
                         "; leave it out or choose that");
        }
    }
}

bool acts(const TrainConfig& config, std::string_view option) {
    return !missing_for(config, option).has_value();
}

Placement placement_of(std::string_view device, std::string_view precision) {
    if (device != "gpu" && precision != "float") {
        throw BadUse("--precision: expected float with --device cpu, but was given '" +
                     std::string(precision) + "'; take float, or --device gpu");
    }
    return {device == "gpu" ? Device::gpu : Device::cpu, precision == "bf16"   ? Precision::bf16
                                                         : precision == "tf32" ? Precision::tf32
                                                                               : Precision::single};
}

Augmentation TrainConfig::augmentation() const {
    if (augment == "off") return {};
    return {.flip = flip == "on", .rotate = rotate, .zoom = zoom, .shift = shift, .light = light};
}

NetworkSettings TrainConfig::network_settings() const {
    NetworkSettings settings;
    settings.placement = placement_of(device, precision);
    settings.attention = attention == "full" ? Attention::full : Attention::none;
    settings.classifier = objective == "tc" ? Classifier::nearest_centre : Classifier::softmax;
    settings.largest_batch = batch;
    settings.seed = daf::Seed{seed};
    settings.margin = margin;
    settings.dropout = dropout;
    settings.centre_update =
        centre_update == "eq12" ? daf::CentreUpdate::equation_12 : daf::CentreUpdate::exact_gradient;
    settings.objective.lambda = objective == "softmax" ? 0 : lambda;
    settings.objective.softmax_weight = objective == "tc" ? 0 : 1;
    settings.objective.metric_reduction = tc_reduction == "sum" ? daf::Reduction::sum : daf::Reduction::mean;
    settings.objective.centre_rate = alpha;
    if (optimizer == "adam") {
        daf::Adam adam;
        adam.learning_rate = lr;
        adam.weight_decay = weight_decay;
        settings.optimizer = adam;
    } else {
        daf::Sgd sgd;
        sgd.learning_rate = lr;
        sgd.weight_decay = weight_decay;
        sgd.momentum = momentum;
        settings.optimizer = sgd;
    }
    return settings;
}

daf::Plateau TrainConfig::schedule() const {
    daf::Plateau plateau;
    plateau.rule = {lr_factor, threshold, patience, lr_floor};
    plateau.rate = lr;
    return plateau;
}

void make_paths_absolute(TrainConfig& config) {
    const auto absolute = [](const std::string& text) {
        std::filesystem::path path = std::filesystem::absolute(text);
        // Behind a link .. is not the folder that the text says.
        std::error_code error;
        const bool goes_back = std::find(path.begin(), path.end(), "..") != path.end();
        if (goes_back) path = std::filesystem::weakly_canonical(path, error);
        path = error ? std::filesystem::absolute(text) : path.lexically_normal();
        return (path.has_filename() ? path : path.parent_path()).string();
    };
    if (config.data != generated_data) config.data = absolute(config.data);
    if (config.weights) config.weights = absolute(*config.weights);
}

void complete(TrainConfig& config, const Given& given) {
    const auto fill = [&](std::string_view name, auto& value, auto follows) {
        if (!given.contains(name)) value = follows;
    };
    if (is_image_folder(config.data)) fill("recipe", config.recipe, "sfew");
    // Generated faces are drawn with pose, light and noise of their own: to change them again costs accuracy.
    fill("augment", config.augment, config.data == generated_data ? "off" : "on");
    const bool sfew = config.recipe == "sfew";
    fill("batch", config.batch, sfew ? 32 : 128);
    fill("margin", config.margin, sfew ? 13.0 : 11.0);
    fill("lambda", config.lambda, sfew ? 0.013 : 0.007);
    fill("lr", config.lr, config.optimizer == "sgd" ? 1e-2 : 1e-3);
    fill("lr-floor", config.lr_floor, std::min(1e-5, config.lr));
    make_paths_absolute(config);
    check(config, given);
}

TrainConfig repeated(TrainConfig stored, TrainConfig command_line, const Given& given) {
    if (given.contains("recipe") && command_line.recipe != stored.recipe) {
        throw BadUse(
            "--recipe: it stands for --batch, --margin and --lambda, which --config has already; give "
            "those instead");
    }
    Given taken = given;
    taken.insert("threads");
    overwrite(settings_of(stored), settings_of(command_line), taken);
    make_paths_absolute(stored);
    check(stored, given);
    return stored;
}

TrainConfig resumed(TrainConfig stored, TrainConfig command_line, const Given& given) {
    resume_settings(settings_of(stored), settings_of(command_line), given);
    check_placement(stored, given);
    return stored;
}

void write_config(const std::filesystem::path& path, TrainConfig config) {
    write_settings(path, settings_of(config));
}

TrainConfig read_config(const std::filesystem::path& path) {
    TrainConfig config;
    read_settings(path, settings_of(config));
    return config;
}

}  // namespace daf_cnn
