#pragma once
// Reads the report's HTML as strictly as a test needs it: every tag closed in its order, every text and
// attribute escaped.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace daf_test {

/// What is wrong with a document's tags; empty if they balance.
inline std::string tag_problem(std::string_view html) {
    constexpr std::array<std::string_view, 4> empty_elements{"meta", "img", "br", "wbr"};
    std::vector<std::string> open;
    for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at)) {
        const std::size_t end = html.find('>', at);
        if (end == std::string_view::npos) return "a tag without an end";
        const std::string_view tag = html.substr(at + 1, end - at - 1);
        at = end + 1;
        if (tag.starts_with("!doctype")) continue;
        if (std::ranges::count(tag, '"') % 2 != 0)
            return "an open quote in <" + std::string(tag.substr(0, 60)) + ">";
        if (tag.find('<') != std::string_view::npos)
            return "a tag in a tag: <" + std::string(tag.substr(0, 60));
        const bool closing = tag.starts_with('/');
        const std::string_view rest = closing ? tag.substr(1) : tag;
        const std::string name(rest.substr(0, rest.find_first_of(" /")));
        if (name.empty() || std::isalpha(static_cast<unsigned char>(name[0])) == 0)
            return "no tag: <" + name + ">";
        if (std::ranges::find(empty_elements, name) != empty_elements.end() || tag.ends_with('/')) continue;
        if (!closing) {
            open.push_back(name);
            if (name == "style") at = html.find("</style>", at);
        } else {
            if (open.empty() || open.back() != name)
                return "</" + name + "> where <" + (open.empty() ? "" : open.back()) + "> is open";
            open.pop_back();
        }
    }
    return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

/// Whether each & of a document begins one of the references that the page uses.
inline bool references_are_escaped(std::string_view html) {
    constexpr std::array<std::string_view, 5> known{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (std::size_t at = html.find('&'); at != std::string_view::npos; at = html.find('&', at + 1)) {
        if (std::ranges::none_of(known, [&](std::string_view k) { return html.substr(at).starts_with(k); }))
            return false;
    }
    return true;
}

/// A piece of the document as a reader sees it.
inline std::string unescaped(std::string text) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> all{
        {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}};
    for (const auto& [escaped, plain] : all) {
        for (std::size_t at = 0; (at = text.find(escaped, at)) != std::string::npos; at += plain.size()) {
            text.replace(at, escaped.size(), plain);
        }
    }
    return text;
}

/// What stands between the first `before` and the next `after`; empty where they are missing.
inline std::string between(std::string_view text, std::string_view before, std::string_view after) {
    const std::size_t at = text.find(before);
    if (at == std::string_view::npos) return "";
    const std::string_view rest = text.substr(at + before.size());
    const std::size_t end = rest.find(after);
    return end == std::string_view::npos ? "" : std::string(rest.substr(0, end));
}

}  // namespace daf_test
