#include "report/repeat.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"

namespace daf_cnn {

namespace {

/// What each option would be if it alone were left out.
TrainConfig implied(const TrainConfig& config) {
    TrainConfig base;
    base.data = config.data;
    TrainConfig followed = base;
    complete(base, {"data"});
    followed.recipe = config.recipe;
    followed.optimizer = config.optimizer;
    complete(followed, {"data", "recipe", "optimizer"});
    const double usual_rate = followed.lr;
    followed.lr = config.lr;
    complete(followed, {"data", "recipe", "optimizer", "lr"});
    followed.lr = usual_rate;
    followed.recipe = base.recipe;
    followed.optimizer = base.optimizer;
    followed.data = TrainConfig{}.data;
    return followed;
}

}  // namespace

std::string repeating_command(const TrainConfig& config, const std::filesystem::path& file) {
    std::map<std::string, std::string, std::less<>> usual;
    const TrainConfig otherwise = implied(config);
    for_each_option(otherwise, [&](const Option& option, const auto& value) {
        usual.emplace(option.name, text_of(value));
    });
    std::string command = "daf-cnn train";
    bool sayable = true;
    for_each_option(config, [&](const Option& option, const auto& value) {
        const std::string text = text_of(value);
        if (option.name == "threads" || text == usual.find(option.name)->second) return;
        sayable = sayable && acts(config, option.name);
        command += " --" + std::string(option.name);
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(value)>, bool>)
            command += " " + shell_word(text);
    });
    if (!sayable)
        command = "daf-cnn train --config " +
                  shell_word(std::filesystem::absolute(file).lexically_normal().string());
    return command + " --run DIR";
}

}  // namespace daf_cnn
