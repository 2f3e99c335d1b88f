#pragma once
// The ablation of the paper's Table 1: its four variants, each trained with several seeds.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "training/run_folder.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// A row of Table 1.
struct Variant {
    std::string_view name;
    std::string_view folder;  // of its runs, in the ablation's
    std::string_view attention;
    std::string_view objective;
    double paper;  // accuracy on FER2013's test images
};

inline constexpr std::array<Variant, 4> variants{{
    {"DAF-CNN_NOatt&tcl", "noatt-notcl", "none", "softmax", 0.7041},
    {"DAF-CNN_NOatt", "noatt", "none", "joint", 0.7138},
    {"DAF-CNN_NOtcl", "notcl", "full", "softmax", 0.7180},
    {"DAF-CNN", "full", "full", "joint", 0.7239},
}};

struct AblationConfig {
    TrainConfig training;  // what the variants have in common; its seed is the first one
    int seeds = 1;

    /// The configuration of one run; `run` counts the seeds from 0.
    TrainConfig of(const Variant& variant, int run) const;
};

/// visit(Option, member): the number of seeds, and training's options but for those that make a variant.
template <class Visit>
void for_each_option(AblationConfig& config, Visit&& visit) {
    constexpr std::array<std::string_view, 4> left_out{"attention", "objective", "weights", "first-centres"};
    visit(Option{"seeds",
                 Interval{1, 1000},
                 "runs a variant, with seeds --seed, --seed + 1, ...; more may be added by --resume",
                 {},
                 true}
              .in("Run"),
          config.seeds);
    for_each_option(config.training, [&](const Option& option, auto& value) {
        if (std::ranges::find(left_out, option.name) == left_out.end()) visit(option, value);
    });
}

/// Whose a config.json is. `neither` too where that does not show: who reads the file says what is wrong.
enum class ConfigOf { run, ablation, neither };
ConfigOf config_of(const std::filesystem::path& file);

/// DIR/ablation.json: the table, once every run is finished.
std::filesystem::path ablation_file(const std::filesystem::path& folder);

/// What its runs came to: accuracies[variant][run], each the best epoch's on the validation images.
using Accuracies = std::array<std::vector<double>, variants.size()>;

double mean_of(const std::vector<double>& values);
/// The standard deviation over the seeds (n - 1); 0 of one value.
double spread_of(const std::vector<double>& values);

/// A table for a terminal, beside the paper's figures.
std::string ablation_text(const AblationConfig& config, const Accuracies& accuracies);
/// The content of ablation_file().
std::string ablation_json(const AblationConfig& config, const Accuracies& accuracies);

}  // namespace daf_cnn
