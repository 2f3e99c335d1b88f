#pragma once
// What `daf-cnn ablate` left behind: the variants of the paper's Table 1, each with a run a seed.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/report_data.hpp"

namespace daf_cnn {

struct AblationVariant {
    std::string name;    // "DAF-CNN_NOatt"
    std::string folder;  // of its runs, in the ablation's
    double paper = 0;    // the paper's accuracy on FER2013
    std::vector<std::uint64_t> seeds;
    std::vector<double> accuracies;  // one a seed
    double mean = 0;
    double spread = 0;
};

struct AblationReport {
    std::filesystem::path folder;
    std::vector<AblationVariant> variants;
    std::vector<RunReport> runs;  // each variant's first seed
};

/// Of the folder's ablation.json. moved_to: where the data lies, if not where it says. Throws daf::FileError,
/// or daf::FormatError that names the file and the entry.
AblationReport gather_ablation(daf::Cpu& cpu, const std::filesystem::path& folder, std::size_t most_points,
                               std::optional<std::string> moved_to);

}  // namespace daf_cnn
