#include "training/run_folder.hpp"

#include <daf/io/file.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string_view>
#include <system_error>

#include "command/option.hpp"
#include "command/text.hpp"

namespace daf_cnn {

namespace fs = std::filesystem;

std::string EpochRecord::json() const {
    nlohmann::ordered_json line{{"epoch", epoch},
                                {"loss", loss},
                                {"softmax", softmax},
                                {"tc", tc},
                                {"active", active},
                                {"centre_norm", centre_norm},
                                {"train_accuracy", train_accuracy},
                                {"val_accuracy", val_accuracy},
                                {"lr", lr},
                                {"seconds", seconds}};
    if (reloaded) line["reloaded"] = true;
    return line.dump();
}

fs::path RunFolder::epoch(int number) const {
    return path_ / formatted("epoch-%04d.safetensors", number);
}

void RunFolder::check_new() const {
    if (fs::symlink_status(path_).type() != fs::file_type::not_found) {
        throw BadUse("--run: '" + path_.string() +
                     "' exists; go on with that run by --resume, or name another folder");
    }
}

void RunFolder::create() const {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) daf::file_detail::fail("create the folder", path_, error.value());
}

void RunFolder::check_resumable() const {
    std::error_code ignored;
    if (!fs::exists(config(), ignored)) {
        throw BadUse("--resume: '" + path_.string() +
                     "' holds no config.json, so there is no run to go on with; name "
                     "its folder, or leave --resume out to start one");
    }
}

void RunFolder::remove_leftovers() const {
    static const std::regex temporary(
        R"((config\.json|metrics\.jsonl|(best|last|epoch-\d+)\.safetensors)\.\d+-\d+\.tmp)");
    std::error_code ignored;
    for (fs::directory_iterator entry(path_, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        std::error_code stays;
        if (std::regex_match(entry->path().filename().string(), temporary)) fs::remove(entry->path(), stays);
    }
}

void RunFolder::record(const EpochRecord& epoch) const {
    auto descriptor = daf::file_detail::open_file(metrics(), O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (!descriptor.is_open()) daf::file_detail::fail("open", metrics(), errno);
    daf::FileWriter file(std::move(descriptor), metrics());
    file.write(epoch.json() + "\n");
    file.finish();
}

void RunFolder::forget_after(int epoch) const {
    std::error_code ignored;
    if (!fs::exists(metrics(), ignored)) return;
    const std::vector<std::byte> bytes = daf::read_file(metrics());
    const std::string_view before(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::string kept;
    for (std::string_view rest = before; rest.find('\n') != std::string_view::npos;) {
        const std::string_view line = rest.substr(0, rest.find('\n') + 1);
        rest.remove_prefix(line.size());
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_object() && json.contains("epoch") && json["epoch"].is_number_integer() &&
            json["epoch"] <= epoch) {
            kept += line;
        }
    }
    if (kept == before) return;
    daf::write_atomically(metrics(), [&](daf::FileWriter& file) { file.write(kept); });
}

}  // namespace daf_cnn
