#include "data/folder_names.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/text.hpp"

namespace daf_cnn {

namespace {

/// A meaning and how it is spelt, the usual spelling first, in lower case.
template <class Meaning>
struct Named {
    Meaning meaning;
    std::vector<std::string_view> spellings;
};

const std::vector<Named<Split>> splits{
    {Split::train, {"train", "training"}},
    {Split::validation, {"val", "valid", "validation", "publictest"}},
    {Split::test, {"test", "testing", "privatetest"}},
};

const std::vector<Named<Expression>> classes{
    {Expression::angry, {"angry", "anger"}},
    {Expression::disgust, {"disgust", "disgusted"}},
    {Expression::fear, {"fear", "fearful", "afraid", "scared"}},
    {Expression::happy, {"happy", "happiness", "joy"}},
    {Expression::sad, {"sad", "sadness"}},
    {Expression::surprise, {"surprise", "surprised"}},
    {Expression::neutral, {"neutral", "neutrality"}},
};

std::string in_lower_case(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

template <class Meaning>
std::optional<Meaning> meaning_of(std::string_view name, const std::vector<Named<Meaning>>& table) {
    const std::string lower = in_lower_case(name);
    for (const Named<Meaning>& entry : table) {
        if (std::find(entry.spellings.begin(), entry.spellings.end(), lower) != entry.spellings.end())
            return entry.meaning;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Split> split_named(std::string_view name) {
    return meaning_of(name, splits);
}

std::optional<Expression> expression_named(std::string_view name) {
    return meaning_of(name, classes);
}

std::string spellings(Split split) {
    const auto entry =
        std::find_if(splits.begin(), splits.end(), [&](const auto& s) { return s.meaning == split; });
    return listed(entry->spellings);
}

std::string class_spellings() {
    std::string text;
    for (const auto& entry : classes) {
        text += (text.empty() ? "" : ", ") + std::string(entry.spellings[0]) + " (" +
                listed(std::span(entry.spellings).subspan(1)) + ")";
    }
    return text;
}

bool is_junk(std::string_view name) {
    constexpr std::array<std::string_view, 3> left_behind{"thumbs.db", "desktop.ini", "__macosx"};
    return name.starts_with('.') ||
           std::find(left_behind.begin(), left_behind.end(), in_lower_case(name)) != left_behind.end();
}

}  // namespace daf_cnn
