#pragma once
// What `daf-cnn train` leaves in a folder, for tests that compare runs.
#include <doctest/doctest.h>

#include <cstring>
#include <daf/io/safetensors.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "run_program.hpp"

namespace daf_test {

using nlohmann::json;

inline std::vector<json> metrics_of(const std::filesystem::path& run) {
    std::istringstream lines(content_of(run / "metrics.jsonl"));
    std::vector<json> parsed;
    for (std::string line; std::getline(lines, line);) parsed.push_back(json::parse(line));
    return parsed;
}

/// The same line but for the time that it took.
inline json timeless(json line) {
    line.erase("seconds");
    line.erase("data_wait");
    return line;
}

inline void check_same_run(const std::filesystem::path& a, const std::filesystem::path& b) {
    for (const char* file : {"last.safetensors", "best.safetensors"}) {
        CAPTURE(file);
        CHECK(std::filesystem::file_size(a / file) > 1'000'000);
        CHECK((content_of(a / file) == content_of(b / file)));
    }
    const auto lines_a = metrics_of(a), lines_b = metrics_of(b);
    REQUIRE(lines_a.size() == lines_b.size());
    for (std::size_t i = 0; i < lines_a.size(); ++i) CHECK(timeless(lines_a[i]) == timeless(lines_b[i]));
}

inline std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

inline Outcome resume(const std::filesystem::path& run, const std::vector<std::string>& more = {}) {
    return daf_cnn(with({"train", "--run", run, "--resume"}, more));
}

inline bool same_tensors(const daf::Safetensors& a, const daf::Safetensors& b) {
    bool same = a.tensors().size() == b.tensors().size() && !a.tensors().empty();
    for (const daf::NamedTensor& tensor : a.tensors()) {
        const daf::NamedTensor* other = b.find(tensor.name);
        same = same && other != nullptr && other->bytes.size() == tensor.bytes.size() &&
               std::memcmp(tensor.bytes.data(), other->bytes.data(), tensor.bytes.size()) == 0;
    }
    return same;
}

}  // namespace daf_test
