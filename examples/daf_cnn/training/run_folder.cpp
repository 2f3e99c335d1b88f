#include "training/run_folder.hpp"

#include <algorithm>
#include <daf/io/file.hpp>
#include <daf/io/json.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string_view>
#include <system_error>

#include "base/json_text.hpp"
#include "base/option.hpp"
#include "base/text.hpp"

namespace daf_cnn {

namespace fs = std::filesystem;

namespace {

/// What a writer leaves that is killed at its work.
bool is_leftover(const std::string& name) {
    static const std::regex temporary(
        R"((config\.json|ablation\.json|metrics\.jsonl|(best|last|epoch-\d+)\.safetensors)\.\d+-\d+\.tmp)");
    return std::regex_match(name, temporary);
}

}  // namespace

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
                                {"seconds", seconds},
                                {"data_wait", data_wait}};
    if (reloaded) line["reloaded"] = true;
    return line.dump();
}

EpochRecord EpochRecord::read(std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) {
        throw daf::FormatError("expected one JSON object with an epoch's figures, found " +
                               daf::json::shown(line));
    }
    EpochRecord record;
    const auto number = [&](const char* name, auto& value) {
        const auto entry = json.find(name);
        if (entry == json.end() || !entry->is_number()) {
            throw daf::FormatError("expected a number '" + std::string(name) + "', found " +
                                   (entry == json.end() ? "none" : shown_value(*entry)));
        }
        entry->get_to(value);
    };
    number("epoch", record.epoch);
    number("loss", record.loss);
    number("softmax", record.softmax);
    number("tc", record.tc);
    number("active", record.active);
    number("centre_norm", record.centre_norm);
    number("train_accuracy", record.train_accuracy);
    number("val_accuracy", record.val_accuracy);
    number("lr", record.lr);
    number("seconds", record.seconds);
    if (json.contains("data_wait")) number("data_wait", record.data_wait);  // not in the first runs
    const auto reloaded = json.find("reloaded");
    record.reloaded = reloaded != json.end() && *reloaded == true;
    return record;
}

fs::path RunFolder::epoch(int number) const {
    return path_ / formatted("epoch-%04d.safetensors", number);
}

void RunFolder::check_new() const {
    std::error_code error;
    if (fs::symlink_status(path_, error).type() == fs::file_type::not_found) return;
    if (error) daf::file_detail::fail("open the folder", path_, error.value());
    bool unused = fs::exists(path_ / ".lock", error);
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        unused = unused && (name == ".lock" || is_leftover(name));
    }
    if (error || !unused) {
        const bool resumable = fs::exists(config(), error);
        throw BadUse("--run: '" + path_.string() + "' exists" +
                     (resumable ? "; go on with that run by --resume, or name another folder"
                                : " and holds no run to go on with; move it away, or name another folder"));
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

void RunFolder::check_epochs(int done, int wanted) const {
    if (wanted >= done) return;
    throw BadUse(
        formatted("--epochs: '%s' has done %d epochs, expected at least as many, but was given '%d'; "
                  "give --epochs %d or more, or start a new run",
                  path_.c_str(), done, wanted, done));
}

void RunFolder::remove_leftovers() const {
    std::error_code ignored;
    for (fs::directory_iterator entry(path_, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        std::error_code stays;
        if (is_leftover(entry->path().filename().string())) fs::remove(entry->path(), stays);
    }
}

void RunFolder::record(const EpochRecord& epoch) const {
    auto descriptor = daf::file_detail::open_file(metrics(), O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (!descriptor.is_open()) daf::file_detail::fail("open", metrics(), errno);
    daf::FileWriter file(std::move(descriptor), metrics());
    file.write(epoch.json() + "\n");
    file.finish();
}

std::vector<EpochRecord> RunFolder::epochs() const {
    std::error_code ignored;
    if (!fs::exists(metrics(), ignored)) return {};
    const std::vector<std::byte> bytes = daf::read_file(metrics());
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<EpochRecord> records;
    for (int number = 1; !rest.empty(); ++number) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        try {
            const EpochRecord record = EpochRecord::read(line);
            // Of a file that was lost once, the first is not epoch 1.
            const int expected = records.empty() ? std::max(record.epoch, 1) : records.back().epoch + 1;
            if (record.epoch != expected) {
                throw daf::FormatError("expected epoch " + std::to_string(expected) + ", found " +
                                       std::to_string(record.epoch));
            }
            records.push_back(record);
        } catch (const daf::FormatError& error) {
            throw daf::FormatError(
                metrics().string() + ":" + std::to_string(number) + ": " + error.what() +
                ". Restore the file; where only its last line was cut short, daf-cnn train "
                "--resume mends it.");
        }
    }
    return records;
}

std::ptrdiff_t RunFolder::whole_lines() const {
    std::error_code ignored;
    if (!fs::exists(metrics(), ignored)) return 0;
    const std::vector<std::byte> bytes = daf::read_file(metrics());
    return std::count(bytes.begin(), bytes.end(), std::byte{'\n'});
}

void RunFolder::forget_after(int epoch) const {
    std::error_code ignored;
    if (!fs::exists(metrics(), ignored)) return;
    const std::vector<std::byte> bytes = daf::read_file(metrics());
    const std::string_view before(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::string kept;
    for (std::string_view rest = before; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_object() && json.contains("epoch") && json["epoch"].is_number_integer() &&
            json["epoch"] <= epoch) {
            kept.append(line) += '\n';  // an editor may have taken the last one's
        }
    }
    if (kept == before) return;
    daf::write_atomically(metrics(), [&](daf::FileWriter& file) { file.write(kept); });
}

}  // namespace daf_cnn
