#include "source_rules.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <regex>
#include <span>
#include <sstream>

namespace daf_test {
namespace {

constexpr std::size_t longest_file = 400;
constexpr std::size_t longest_example = 79;
constexpr std::string_view library = "include/daf/";
constexpr std::string_view program = "examples/daf_cnn/";

/// A folder, and the folders whose headers its files may include.
struct Layer {
    std::string_view folder;
    std::vector<std::string_view> sees;
};

/// Of the library.
const std::array<Layer, 8>& layers() {
    static const std::array<Layer, 8> table{{
        {"core", {"core"}},
        {"ops", {"core", "ops"}},
        {"reference", {"core", "ops", "reference"}},
        {"cpu", {"core", "ops", "cpu"}},
        {"gpu", {"core", "ops", "gpu"}},
        {"io", {"core", "io"}},
        {"net", {"core", "ops", "net"}},
        {"train", {"core", "ops", "net", "io", "train"}},
    }};
    return table;
}

/// Of daf-cnn, whose main.cpp stands above them.
const std::array<Layer, 8>& program_layers() {
    static const std::array<Layer, 8> table{{
        {"base", {"base"}},
        {"processor", {"processor"}},
        {"faces", {"base", "faces"}},
        {"data", {"base", "faces", "data"}},
        {"network", {"base", "network"}},
        {"training", {"base", "processor", "faces", "data", "network", "training"}},
        {"report", {"base", "faces", "data", "network", "training", "report"}},
        {"command", {"base", "processor", "faces", "data", "network", "training", "report", "command"}},
    }};
    return table;
}

/// "cpu" of "cpu/gemm.hpp"; empty for a header at the top, which is an umbrella.
std::string_view folder_of(std::string_view header) {
    const auto slash = header.find('/');
    return slash == std::string_view::npos ? std::string_view{} : header.substr(0, slash);
}

/// What is wrong with a file in `folder` including `shown`, a header in `included`; empty if nothing is.
std::string layer_problem(std::span<const Layer> table, std::string_view folder, std::string_view included,
                          const std::string& shown) {
    const auto layer = std::ranges::find(table, folder, &Layer::folder);
    if (layer == table.end()) {
        return "unknown folder " + std::string(folder) +
               "/: give it its place in the rules before it includes " + shown;
    }
    const bool seen = std::ranges::find(layer->sees, included) != layer->sees.end();
    return seen ? "" : std::string(folder) + "/ must not include " + shown;
}

/// Headers and sources that only a CUDA compiler reads.
bool is_cuda(std::string_view path) {
    return path.ends_with(".cuh") || path.ends_with(".cu");
}

/// What is wrong with the library header `header` including `target`; empty if nothing is.
std::string include_problem(std::string_view header, const std::string& target, bool quoted) {
    const std::string_view folder = folder_of(header);
    if (quoted) return "the library includes as <daf/...> and <standard>, not \"" + target + "\"";
    if (target.starts_with("Eigen/") || target.starts_with("unsupported/Eigen/")) {
        return folder == "cpu" ? "" : "Eigen belongs to cpu/ alone";
    }
    if (target.starts_with("cuda") || target.starts_with("cudnn")) {
        return folder == "gpu" && is_cuda(header) ? "" : "CUDA belongs to the .cuh headers of gpu/ alone";
    }
    if (is_cuda(target) && !is_cuda(header)) return "a .hpp must not include <" + target + ">: it needs nvcc";
    if (!target.starts_with("daf/")) {
        const bool system = target.find('/') == std::string::npos || target.starts_with("sys/");
        return system ? "" : "the library depends on Eigen alone, not on <" + target + ">";
    }
    if (folder.empty()) return "";
    return layer_problem(layers(), folder, folder_of(std::string_view(target).substr(4)), "<" + target + ">");
}

struct Include {
    std::string target;  // empty: the line includes nothing
    bool quoted = false;
};
Include include_of(const std::string& line) {
    static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    std::smatch match;
    if (!std::regex_search(line, match, include)) return {};
    return {match[2], match[1] == "\""};
}

/// What is wrong with one line of a library header; `header` is its path under include/daf.
std::string library_line_problem(std::string_view header, const std::string& line) {
    if (const auto [target, quoted] = include_of(line); !target.empty()) {
        return include_problem(header, target, quoted);
    }
    static const std::regex cuda(R"(\b(__global__|__device__|__shared__|threadIdx|cu(da|dnn)[A-Z]\w*)\b)");
    if (!is_cuda(header) && header != "core/host_device.hpp" && std::regex_search(line, cuda)) {
        return "CUDA's words belong to the .cuh headers of gpu/";
    }
    if (line.find("Eigen::internal") != std::string::npos && header != "cpu/packet.hpp") {
        return "Eigen::internal appears in cpu/packet.hpp alone";
    }
    return "";
}

/// What is wrong with one line of a source of daf-cnn; `source` is its path in the program's folder.
std::string program_line_problem(std::string_view source, const std::string& line) {
    const auto [target, quoted] = include_of(line);
    const std::string_view folder = folder_of(source);
    if (target.empty() || !quoted || folder.empty()) return "";
    return layer_problem(program_layers(), folder, folder_of(target), "\"" + target + "\"");
}

/// What is wrong with one line of what only a CUDA compiler reads, wherever it lies.
std::string cuda_line_problem(const std::string& line) {
    const std::string target = include_of(line).target;
    const bool eigen = target.starts_with("Eigen/") || target.starts_with("unsupported/Eigen/") ||
                       target.starts_with("daf/cpu/") || target == "daf/daf.hpp";
    return eigen ? "nvcc must not read <" + target + ">: Eigen" : "";
}

/// A program for users of the library: examples/NAME.cpp.
bool is_example(std::string_view path) {
    constexpr std::string_view folder = "examples/";
    return path.starts_with(folder) && path.ends_with(".cpp") &&
           path.find('/', folder.size()) == std::string_view::npos;
}

bool is_cpp(std::string_view path) {
    return path.ends_with(".hpp") || path.ends_with(".cpp") || is_cuda(path);
}

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::vector<std::string> broken_rules(std::string_view path, std::string_view text) {
    // [D] and [M]: the pattern must not find itself.
    static const std::regex left_open(R"(\b(TO[D]O|FIX[M]E)\b)");
    std::vector<std::string> found;
    std::size_t number = 0;
    const auto report = [&](const std::string& rule) {
        found.push_back(std::string(path) + ":" + std::to_string(number) + ": " + rule);
    };

    const bool in_library = path.starts_with(library);
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        ++number;
        std::string problem;
        if (in_library) problem = library_line_problem(path.substr(library.size()), line);
        if (path.starts_with(program)) problem = program_line_problem(path.substr(program.size()), line);
        if (problem.empty() && is_cuda(path)) problem = cuda_line_problem(line);
        if (!problem.empty()) report(problem);
        if (std::regex_search(line, left_open)) report("left open: finish it or file an issue");
    }
    if (is_cpp(path) && number > longest_file) {
        report("the file has more than " + std::to_string(longest_file) + " lines");
    }
    if (is_example(path) && number > longest_example) report("an example has fewer than 80 lines");
    return found;
}

std::vector<std::string> broken_rules_in_tree(const std::filesystem::path& root) {
    namespace fs = std::filesystem;
    std::vector<std::string> found;
    for (fs::recursive_directory_iterator entry(root), end; entry != end; ++entry) {
        const std::string path = entry->path().lexically_relative(root).generic_string();
        const bool generated = path == "build" || path == "runs" || entry->path().filename() == "__pycache__";
        if (generated || (path.starts_with('.') && path != ".ci" && entry->is_directory())) {
            entry.disable_recursion_pending();
            continue;
        }
        if (!entry->is_regular_file()) continue;
        const std::string text = content(entry->path());
        if (text.find('\0') != std::string::npos) continue;
        std::ranges::move(broken_rules(path, text), std::back_inserter(found));
    }
    std::ranges::sort(found);
    return found;
}

}  // namespace daf_test
