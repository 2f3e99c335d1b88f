#include "training/train_config.hpp"

#include <algorithm>
#include <daf/core/version.hpp>
#include <daf/io/file.hpp>
#include <map>
#include <nlohmann/json.hpp>

namespace daf_cnn {

namespace {

using nlohmann::ordered_json;

/// Every option's value as text.
std::map<std::string, std::string, std::less<>> texts_of(const TrainConfig& config) {
    std::map<std::string, std::string, std::less<>> texts;
    for_each_option(
        config, [&](const Option& option, const auto& value) { texts.emplace(option.name, text_of(value)); });
    return texts;
}

template <class T>
ordered_json json_of(const T& value) {
    return value;
}
template <class T>
ordered_json json_of(const std::optional<T>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

/// Options that would be given in vain.
void check_acts(const TrainConfig& config, const Given& given) {
    const auto useless = [&](std::string_view name, bool acts, const std::string& condition) {
        if (!acts && given.contains(name)) {
            throw BadUse("--" + std::string(name) + ": it acts only with " + condition +
                         "; leave it out or choose that");
        }
    };
    useless("alpha", config.centre_update == "eq12", "--centre-update eq12");
    const bool has_tc = config.objective != "softmax";
    useless("lambda", has_tc, "--objective joint or tc");
    useless("margin", has_tc, "--objective joint or tc");
    useless("alpha", has_tc, "--objective joint or tc");
    useless("tc-reduction", has_tc, "--objective joint or tc");
    useless("centre-update", has_tc, "--objective joint or tc");
    useless("momentum", config.optimizer == "sgd", "--optimizer sgd");
    useless("data-seed", config.data == generated_data, "--data generated");
    useless("skip-bad", config.data != generated_data, "--data FOLDER or FILE.csv");
}

}  // namespace

NetworkSettings TrainConfig::network_settings() const {
    NetworkSettings settings;
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
    const auto absolute = [](const std::string& path) {
        return std::filesystem::absolute(path).lexically_normal().string();
    };
    if (config.data != generated_data) config.data = absolute(config.data);
    if (config.weights) config.weights = absolute(*config.weights);
}

void complete(TrainConfig& config, const Given& given) {
    const auto fill = [&](std::string_view name, auto& value, auto follows) {
        if (!given.contains(name)) value = follows;
    };
    fill("recipe", config.recipe, is_image_folder(config.data) ? "sfew" : "fer2013");
    const bool sfew = config.recipe == "sfew";
    fill("batch", config.batch, sfew ? 32 : 128);
    fill("margin", config.margin, sfew ? 13.0 : 11.0);
    fill("lambda", config.lambda, sfew ? 0.013 : 0.007);
    fill("lr", config.lr, config.optimizer == "sgd" ? 1e-2 : 1e-3);
    fill("lr-floor", config.lr_floor, std::min(1e-5, config.lr));
    if (config.lr_floor > config.lr) {
        throw BadUse("--lr-floor: expected at most --lr, which is " + text_of(config.lr) +
                     ", but was given '" + text_of(config.lr_floor) + "'");
    }
    make_paths_absolute(config);
    check_acts(config, given);
}

TrainConfig resumed(const TrainConfig& stored, const TrainConfig& command_line, const Given& given) {
    const auto before = texts_of(stored), now = texts_of(command_line);
    TrainConfig config = stored;
    for_each_option(config, [&](const Option& option, auto& value) {
        if (!given.contains(option.name)) return;
        const std::string& text = now.find(option.name)->second;
        const std::string& stored_text = before.find(option.name)->second;
        if (option.free_on_resume) {
            parse_value(option, text, value);
        } else if (text != stored_text) {
            throw BadUse("--" + std::string(option.name) + ": this run was started with '" + stored_text +
                         "', which --resume cannot change to '" + text + "'; start a new run for that");
        }
    });
    return config;
}

void write_config(const std::filesystem::path& path, const TrainConfig& config) {
    ordered_json json;
    json["version"] = daf::version_string;
    for_each_option(config, [&](const Option& option, const auto& value) {
        json[std::string(option.name)] = json_of(value);
    });
    daf::write_atomically(path, [&](daf::FileWriter& file) { file.write(json.dump(2) + "\n"); });
}

TrainConfig read_config(const std::filesystem::path& path) {
    const std::vector<std::byte> bytes = daf::read_file(path, 1 << 20);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const ordered_json json = ordered_json::parse(text, text + bytes.size(), nullptr, false);
    if (!json.is_object()) {
        throw daf::FormatError(path.string() +
                               ": expected a JSON object with the options of a run, found another "
                               "text. The file was altered; restore it or start a new run.");
    }
    TrainConfig config;
    for_each_option(config, [&](const Option& option, auto& value) {
        const auto entry = json.find(std::string(option.name));
        if (entry == json.end()) {
            throw daf::FormatError(
                path.string() + ": '" + std::string(option.name) +
                "': expected an entry of that name, found none. The file was altered; restore it "
                "or start a new run.");
        }
        try {
            parse_value(option, entry->is_string() ? entry->template get<std::string>() : entry->dump(),
                        value);
        } catch (const BadUse& bad) {
            throw daf::FormatError(path.string() + ": " + (bad.what() + 2) +
                                   ". The file was altered; restore it or start a new run.");
        }
    });
    return config;
}

}  // namespace daf_cnn
