#pragma once
// The report's pages: whole HTML documents that need nothing beside themselves.
#include <string>

#include "report/ablation.hpp"
#include "report/report_data.hpp"

namespace daf_cnn {

/// How every page of ours begins; what does not begin so is not replaced by one.
inline constexpr std::string_view page_beginning =
    "<!doctype html>\n<html lang=\"en\" data-made-by=\"daf-cnn report\">\n";

/// A figure that a reader wants first. note: HTML below it, may be empty.
std::string tile(const std::string& label, const std::string& value, const std::string& note,
                 bool first = false);

/// A heading that can be linked to, and what it is about in a sentence (HTML).
std::string section(const std::string& id, const std::string& title, const std::string& text);

/// A document with the style sheet; `title` is plain text, `body` is HTML.
std::string page_of(const std::string& title, const std::string& body);

/// How one run did.
std::string run_page(const RunReport& report);

/// The variants of an ablation beside each other.
std::string ablation_page(const AblationReport& report);

}  // namespace daf_cnn
