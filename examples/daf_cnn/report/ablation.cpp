#include "report/ablation.hpp"

#include <daf/io/file.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.hpp"
#include "training/ablation.hpp"

namespace daf_cnn {

namespace {

using nlohmann::json;

/// Reads an entry of a variant, of whatever type T asks for.
template <class T>
void take(const json& variant, const char* name, const std::string& place, T& value) {
    try {
        variant.at(name).get_to(value);
    } catch (const json::exception&) {
        throw daf::FormatError(place + ": '" + name +
                               "': expected an entry as daf-cnn ablate writes it, found " +
                               (variant.contains(name) ? shown_value(variant[name]) : "none") +
                               ". Restore the file, or run daf-cnn ablate again.");
    }
}

std::vector<AblationVariant> read_variants(const std::filesystem::path& file) {
    constexpr const char* remedy = "Restore the file, or run daf-cnn ablate again.";
    const auto whole = read_json<json>(file, remedy);
    if (!whole.is_object() || !whole.contains("variants") || !whole["variants"].is_array() ||
        whole["variants"].empty()) {
        throw daf::FormatError(file.string() +
                               ": expected a JSON object with a list of 'variants', found another text. " +
                               remedy);
    }
    std::vector<AblationVariant> variants;
    for (const json& entry : whole["variants"]) {
        AblationVariant& variant = variants.emplace_back();
        const std::string place = file.string() + ": variant " + std::to_string(variants.size());
        if (!entry.is_object()) {
            throw daf::FormatError(place + ": expected an object, found " + shown_value(entry));
        }
        take(entry, "name", place, variant.name);
        take(entry, "folder", place, variant.folder);
        take(entry, "paper", place, variant.paper);
        take(entry, "seeds", place, variant.seeds);
        take(entry, "accuracies", place, variant.accuracies);
        take(entry, "mean", place, variant.mean);
        take(entry, "spread", place, variant.spread);
        if (variant.seeds.empty() || variant.seeds.size() != variant.accuracies.size()) {
            throw daf::FormatError(place + ": expected one accuracy for each of its seeds, found " +
                                   std::to_string(variant.accuracies.size()) + " for " +
                                   std::to_string(variant.seeds.size()) +
                                   ". Let daf-cnn ablate finish, or restore the file.");
        }
    }
    return variants;
}

}  // namespace

AblationReport gather_ablation(daf::Cpu& cpu, const std::filesystem::path& folder, std::size_t most_points,
                               std::optional<std::string> moved_to) {
    AblationReport report{folder, read_variants(ablation_file(folder)), {}};
    DataCache cache;
    cache.moved_to = std::move(moved_to);
    for (const AblationVariant& variant : report.variants) {
        const std::string run = "seed-" + std::to_string(variant.seeds.front());
        report.runs.push_back(gather(cpu, RunFolder(folder / variant.folder / run), most_points, cache));
    }
    return report;
}

}  // namespace daf_cnn
