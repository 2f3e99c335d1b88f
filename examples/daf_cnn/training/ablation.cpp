#include "training/ablation.hpp"

#include <cmath>
#include <daf/io/file.hpp>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/text.hpp"
#include "training/judging.hpp"

namespace daf_cnn {

TrainConfig AblationConfig::of(const Variant& variant, int run) const {
    TrainConfig config = training;
    config.attention = variant.attention;
    config.objective = variant.objective;
    config.seed += static_cast<std::uint64_t>(run);
    return config;
}

ConfigOf config_of(const std::filesystem::path& file) {
    nlohmann::json config;
    try {
        config = nlohmann::json::parse(daf::read_file(file, 1 << 20), nullptr, false);
    } catch (const daf::FileError&) {  // for whoever reads it in earnest
    }
    if (!config.is_object()) return ConfigOf::neither;
    // An ablation has a number of seeds; what makes its variants stands in its runs' files alone.
    if (config.contains("seeds")) return ConfigOf::ablation;
    return config.contains("attention") ? ConfigOf::run : ConfigOf::neither;
}

std::filesystem::path ablation_file(const std::filesystem::path& folder) {
    return folder / "ablation.json";
}

double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double spread_of(const std::vector<double>& values) {
    if (values.size() < 2) return 0;
    double squares = 0;
    for (const double value : values) squares += (value - mean_of(values)) * (value - mean_of(values));
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::string ablation_text(const AblationConfig& config, const Accuracies& accuracies) {
    std::string text = "variant            attention  loss       paper    mean  spread  by seed\n";
    for (std::size_t v = 0; v < variants.size(); ++v) {
        const std::vector<double>& values = accuracies[v];
        text += formatted("%-17s  %-9s  %-8s  %6.4f  %6.4f  %6s ", std::string(variants[v].name).c_str(),
                          std::string(variants[v].attention).c_str(),
                          std::string(variants[v].objective).c_str(), variants[v].paper, mean_of(values),
                          values.size() < 2 ? "-" : share_text(spread_of(values)).c_str());
        for (const double value : values) text += formatted(" %.4f", value);
        text += '\n';
    }
    return text +
           formatted(
               "paper: Table 1, FER2013's test images. mean: the best epoch's accuracy on the validation\n"
               "images, over %s; spread: its standard deviation.\n",
               counted(config.seeds, "seed", "seeds").c_str());
}

std::string ablation_json(const AblationConfig& config, const Accuracies& accuracies) {
    nlohmann::ordered_json json;
    for (std::size_t v = 0; v < variants.size(); ++v) {
        std::vector<std::uint64_t> seeds(accuracies[v].size());
        std::iota(seeds.begin(), seeds.end(), config.training.seed);
        json["variants"].push_back({{"name", variants[v].name},
                                    {"folder", variants[v].folder},
                                    {"paper", variants[v].paper},
                                    {"seeds", seeds},
                                    {"accuracies", accuracies[v]},
                                    {"mean", mean_of(accuracies[v])},
                                    {"spread", spread_of(accuracies[v])}});
    }
    return json.dump(2) + "\n";
}

}  // namespace daf_cnn
