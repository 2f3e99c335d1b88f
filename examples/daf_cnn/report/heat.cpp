#include "report/heat.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/html.hpp"

namespace daf_cnn {

namespace {

/// The values from the least, 0, to the most, 1; all 0 where they are the same.
std::vector<double> stretched(std::vector<double> values) {
    const auto [low, high] = std::ranges::minmax(values);
    for (double& value : values) value = high > low ? (value - low) / (high - low) : 0;
    return values;
}

/// Lays a map of side x side values in [0, 1] over a face.
std::string overlaid(const JudgedFace& face, std::span<const double> strengths, Index side,
                     const std::string& hint) {
    std::string svg = formatted("<svg viewBox=\"0 0 %td %td\" role=\"img\" aria-label=\"", side, side) +
                      html::escaped(hint) + "\"><title>" + html::escaped(hint) + "</title>" +
                      formatted("<image width=\"%td\" height=\"%td\" href=\"", side, side) +
                      html::picture_uri(face.pixels, face.side) + "\"/>";
    for (Index i = 0; i < side * side; ++i) {
        svg += formatted("<rect x=\"%td\" y=\"%td\" width=\"1\" height=\"1\" fill-opacity=\"%.2f\"/>",
                         i % side, i / side, 0.7 * strengths[static_cast<std::size_t>(i)]);
    }
    return svg + "</svg>";
}

}  // namespace

std::string class_heading(const std::string& corner, const std::string& more) {
    std::string row = "<thead><tr><th class=\"corner\">" + corner + "</th>";
    for (Index k = 0; k < class_count; ++k)
        row += "<th scope=\"col\"><span>" + html::expression(k) + "</span></th>";
    return row + more + "</tr></thead>";
}

std::string heat_cell(const std::string& kind, double strength, const std::string& hint,
                      const std::string& content) {
    const double bounded = std::isfinite(strength) ? std::clamp(strength, 0.0, 1.0) : 0.0;
    return "<td class=\"" + kind + (bounded > 0 ? "" : " none") +
           formatted("\" style=\"--s:%.2f\" title=\"", bounded) + html::escaped(hint) + "\">" + content +
           "</td>";
}

std::string confusion_table(const daf::ConfusionMatrix& confusion) {
    std::string table =
        "<div class=\"scroll\"><table class=\"heat confusion\">" +
        class_heading("true \\ predicted", "<th scope=\"col\" class=\"sum\"><span>recall</span></th>") +
        "<tbody>";
    for (Index label = 0; label < class_count; ++label) {
        const auto row = static_cast<double>(confusion.row(label));
        table += "<tr><th scope=\"row\">" + html::expression(label) + "</th>";
        for (Index predicted = 0; predicted < class_count; ++predicted) {
            const auto n = confusion.count(label, predicted);
            const double share = row > 0 ? static_cast<double>(n) / row : std::nan("");
            const std::string hint = html::expression(label) + " taken for " + html::expression(predicted) +
                                     ": " + html::count(n) + " of " + html::count(confusion.row(label));
            // Mistakes are few: the root lets small shares show.
            const bool right = label == predicted;
            table += heat_cell(right ? "right" : "wrong", right ? share : std::sqrt(share), hint,
                               html::fixed(share, 2) + "<small>" + html::count(n) + "</small>");
        }
        table += "<td class=\"sum\">" + html::fixed(confusion.recall(label), 3) + "</td></tr>";
    }
    return table + "</tbody></table></div>\n";
}

std::string distance_table(const ClassDistances& distances, const std::string& title) {
    double largest = 0;
    for (const auto& row : distances.between) {
        for (const double d : row) largest = std::isfinite(d) ? std::max(largest, d) : largest;
    }
    std::string table = "<figure class=\"scroll\"><figcaption><b>" + html::escaped(title) +
                        "</b></figcaption><table class=\"heat\">" + class_heading("") + "<tbody>";
    for (std::size_t a = 0; a < distances.spread.size(); ++a) {
        table += "<tr><th scope=\"row\">" + html::expression(static_cast<long long>(a)) + "</th>";
        for (std::size_t b = 0; b < distances.spread.size(); ++b) {
            const std::string one = html::expression(static_cast<long long>(a));
            if (a == b) {
                table += heat_cell("own", 0, one + ": mean distance of its own images",
                                   html::fixed(distances.spread[a], 2));
            } else {
                const double d = distances.between[a][b];
                table +=
                    heat_cell("near", largest > 0 ? 1 - d / largest : 0.0,
                              one + " to " + html::expression(static_cast<long long>(b)), html::fixed(d, 2));
            }
        }
        table += "</tr>";
    }
    return table + "</tbody></table></figure>\n";
}

std::vector<double> channel_stage(const Gaze& gaze) {
    const std::size_t channels = gaze.channel_gate.size();
    std::vector<double> strengths(static_cast<std::size_t>(gaze.side * gaze.side));
    for (std::size_t i = 0; i < strengths.size(); ++i) {
        for (std::size_t c = 0; c < channels; ++c) {
            strengths[i] += std::abs(static_cast<double>(gaze.channel_gate[c]) *
                                     static_cast<double>(gaze.map[i * channels + c]));
        }
        strengths[i] /= static_cast<double>(channels);
    }
    return strengths;
}

double let_through(const Gaze& gaze) {
    double before = 0, after = 0;
    for (const float x : gaze.map) before += std::abs(static_cast<double>(x));
    for (const double strength : channel_stage(gaze))
        after += strength * static_cast<double>(gaze.channel_gate.size());
    return before > 0 ? after / before : std::nan("");
}

std::string attention_figure(const std::vector<JudgedFace>& faces) {
    std::string figure =
        "<div class=\"attention\"><span></span><span class=\"stage\">face</span><span "
        "class=\"stage\">channel stage</span>"
        "<span class=\"stage\">spatial stage</span>\n";
    for (const JudgedFace& face : faces) {
        const Gaze& gaze = *face.gaze;
        const std::string name = html::expression(face.label);
        figure +=
            "<span class=\"who\">" + name + "<small>" +
            (face.prediction == face.label ? "" : "taken for " + html::expression(face.prediction) + ", ") +
            html::fixed(face.probability, 2) + "</small></span>" +
            html::picture(face.pixels, face.side, name + formatted(", validation image %zu", face.index));

        figure += "<span class=\"map\">" +
                  overlaid(face, stretched(channel_stage(gaze)), gaze.side,
                           name + ": what the channel gates leave") +
                  "<small>" + html::percent(let_through(gaze)) + " kept</small></span>";
        const auto [low, high] = std::ranges::minmax(gaze.spatial_gate);
        figure += "<span class=\"map\">" +
                  overlaid(face, stretched({gaze.spatial_gate.begin(), gaze.spatial_gate.end()}), gaze.side,
                           name + ": where the spatial gate is open") +
                  formatted("<small>%.2f to %.2f</small></span>\n", static_cast<double>(low),
                            static_cast<double>(high));
    }
    return figure + "</div>\n";
}

}  // namespace daf_cnn
