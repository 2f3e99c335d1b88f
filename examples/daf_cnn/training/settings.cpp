#include "training/settings.hpp"

#include <algorithm>
#include <daf/core/error.hpp>
#include <daf/core/version.hpp>
#include <daf/io/file.hpp>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"

namespace daf_cnn {

namespace {

using nlohmann::ordered_json;

/// In config.json beside the options: which daf wrote it.
constexpr const char* version_entry = "version";

ordered_json json_of(const Setting& setting) {
    const ValueText text = setting.text();
    if (!text) return nullptr;
    return setting.is_text ? ordered_json(*text) : ordered_json::parse(*text);
}

/// A single value; a text or a number by its digits.
ValueText value_text_of(const ordered_json& entry) {
    if (entry.is_null()) return std::nullopt;
    return entry.is_string() ? entry.get<std::string>() : entry.dump();
}

[[noreturn]] void refuse_file(const std::filesystem::path& path, const std::string& what) {
    throw daf::FormatError(path.string() + ": " + what);
}

constexpr const char* restore = "The file was altered; restore it or start a new run.";

[[noreturn]] void refuse_altered(const std::filesystem::path& path, const std::string& what) {
    refuse_file(path, what + ". " + restore);
}

void check_names(const std::filesystem::path& path, const ordered_json& json, const Settings& settings) {
    for (const auto& item : json.items()) {
        const std::string& name = item.key();
        const bool known = name == version_entry || std::ranges::any_of(settings, [&](const Setting& s) {
                               return s.option.name == name;
                           });
        if (!known) {
            refuse_file(
                path, "'" + name + "': expected the options of daf-cnn " + std::string(daf::version_string) +
                          ", found an entry that is none of them. Correct its name, or use the daf-cnn "
                          "that wrote the file.");
        }
    }
}

}  // namespace

void overwrite(const Settings& to, const Settings& from, const Given& named) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        if (named.contains(to[i].option.name)) to[i].parse(from[i].text());
    }
}

void write_settings(const std::filesystem::path& path, const Settings& settings) {
    ordered_json json;
    json[version_entry] = daf::version_string;
    for (const Setting& setting : settings) json[std::string(setting.option.name)] = json_of(setting);
    daf::write_atomically(path, [&](daf::FileWriter& file) { file.write(json.dump(2) + "\n"); });
}

void read_settings(const std::filesystem::path& path, const Settings& settings) {
    const auto json = read_json<ordered_json>(path, restore);
    if (!json.is_object()) {
        refuse_altered(path, "expected a JSON object with the options of a run, found " + shown_value(json));
    }
    check_names(path, json, settings);
    for (const Setting& setting : settings) {
        const Option& option = setting.option;
        const auto entry = json.find(std::string(option.name));
        if (entry == json.end()) {
            if (option.former.empty()) {
                refuse_altered(
                    path, "'" + std::string(option.name) + "': expected an entry of that name, found none");
            }
            setting.parse(option.former == no_value ? ValueText{} : ValueText(option.former));
            continue;
        }
        if (entry->is_structured()) {
            refuse_altered(path, "'" + std::string(option.name) + "': expected a single value, found " +
                                     shown_value(*entry));
        }
        try {
            setting.parse(value_text_of(*entry));
        } catch (const BadUse& bad) {
            refuse_altered(path, bad.what() + 2);  // without the option's dashes
        }
    }
}

void resume_settings(const Settings& stored, const Settings& command_line, const Given& given) {
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const Option& option = stored[i].option;
        if (!given.contains(option.name)) continue;
        const ValueText before = stored[i].text(), now = command_line[i].text();
        if (option.free_on_resume) {
            stored[i].parse(now);
        } else if (before != now) {
            const auto shown = [](const ValueText& text) {
                return text ? "'" + *text + "'" : std::string("none");
            };
            throw BadUse("--" + std::string(option.name) + ": this run was started with " + shown(before) +
                         ", which --resume cannot change to " + shown(now) + "; start a new run for that");
        }
    }
}

}  // namespace daf_cnn
