#include "report/page.hpp"

#include <daf/core/version.hpp>

#include "report/html.hpp"
#include "report/style.hpp"

namespace daf_cnn {

std::string tile(const std::string& label, const std::string& value, const std::string& note, bool first) {
    return std::string("<div") + (first ? " class=\"first\"" : "") + "><dt>" + label + "</dt><dd>" + value +
           (note.empty() ? "" : "<small>" + note + "</small>") + "</dd></div>\n";
}

std::string section(const std::string& id, const std::string& title, const std::string& text) {
    return "<h2 id=\"" + id + "\">" + title + "</h2>\n<p>" + text + "</p>\n";
}

std::string page_of(const std::string& title, const std::string& body) {
    return std::string(page_beginning) +
           "<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\">\n"
           "<title>" +
           html::escaped(title) + "</title>\n<style>" + std::string(report_style) +
           "</style>\n</head>\n<body>\n" + body + "<footer>Written by daf-cnn report " +
           std::string(daf::version_string) +
           ". The page needs nothing but itself; the same run gives the same "
           "page.</footer>\n</body>\n</html>\n";
}

}  // namespace daf_cnn
