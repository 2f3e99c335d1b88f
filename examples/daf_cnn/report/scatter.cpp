#include "report/scatter.hpp"

#include <algorithm>
#include <cmath>

#include "base/median.hpp"
#include "base/text.hpp"
#include "report/html.hpp"

namespace daf_cnn {

namespace {

constexpr double side = 440, margin = 16;

/// A mark about a point, as the rest of a path that begins there: the seven classes' shapes.
constexpr std::array<const char*, class_count> marks{
    "m0 -3.4l3.2 5.6h-6.4z",                                         // angry: a triangle
    "m-2.6 -2.6h5.2v5.2h-5.2z",                                      // disgust: a square
    "m0 3.4l3.2 -5.6h-6.4z",                                         // fear: a triangle upside down
    "m-2.9 0a2.9 2.9 0 1 0 5.8 0a2.9 2.9 0 1 0 -5.8 0z",             // happy: a disc
    "m0 -3.8l3 3.8l-3 3.8l-3 -3.8z",                                 // sad: a rhombus
    "m-1.1 -3.4h2.2v2.3h2.3v2.2h-2.3v2.3h-2.2v-2.3h-2.3v-2.2h2.3z",  // surprise: a cross
    "m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z",                 // neutral: a ring
};

struct Spot {
    double x, y;
};

/// Where the points stand in the picture.
std::vector<Spot> placed(const Layout& points) {
    std::vector<Spot> spots;
    if (points.rows() == 0) return spots;
    const Eigen::Array2f low = points.colwise().minCoeff(), high = points.colwise().maxCoeff();
    const double extent = static_cast<double>((high - low).maxCoeff());
    const double scale = extent > 0 ? (side - 2 * margin) / extent : 0;
    for (Eigen::Index i = 0; i < points.rows(); ++i) {
        const auto at = [&](Eigen::Index d) {
            const float middle = (low(d) + high(d)) / 2;
            return side / 2 + static_cast<double>(points(i, d) - middle) * scale;
        };
        spots.push_back({at(0), at(1)});
    }
    return spots;
}

/// The classes' names in the midst of their points, moved apart where they would cover each other.
std::string names(const std::vector<Spot>& spots, std::span<const std::int32_t> labels) {
    constexpr double line = 17, reach = 62;  // a name's height and width
    struct Name {
        std::size_t label;
        Spot at;
    };
    std::vector<Name> all;
    for (std::size_t k = 0; k < marks.size(); ++k) {
        std::vector<double> x, y;
        for (std::size_t i = 0; i < spots.size(); ++i) {
            if (static_cast<std::size_t>(labels[i]) != k) continue;
            x.push_back(spots[i].x);
            y.push_back(spots[i].y);
        }
        if (!x.empty()) all.push_back({k, {std::clamp(median(x), 34.0, side - 34.0), median(y)}});
    }
    for (int round = 0; round < 200; ++round) {
        bool moved = false;
        for (Name& a : all) {
            for (Name& b : all) {
                if (a.label >= b.label || std::abs(a.at.x - b.at.x) >= reach) continue;
                const double gap = line - std::abs(a.at.y - b.at.y);
                if (gap <= 1e-6) continue;
                const double push = (a.at.y <= b.at.y ? -0.5 : 0.5) * gap;
                a.at.y = std::clamp(a.at.y + push, line, side - 6);
                b.at.y = std::clamp(b.at.y - push, line, side - 6);
                moved = true;
            }
        }
        if (!moved) break;
    }
    std::string svg;
    for (const Name& name : all) {
        svg += formatted("<text class=\"name c%zu\" x=\"%.0f\" y=\"%.0f\">", name.label, name.at.x,
                         name.at.y + 5) +
               html::expression(static_cast<long long>(name.label)) + "</text>";
    }
    return svg;
}

const char* mark_class(std::size_t label) {
    return label + 1 == marks.size() ? " ring" : "";
}

}  // namespace

std::string class_legend() {
    std::string legend = "<p class=\"legend\">";
    for (std::size_t k = 0; k < marks.size(); ++k) {
        legend +=
            formatted("<span><svg viewBox=\"-5 -5 10 10\"><path class=\"mark c%zu%s\" d=\"M0 0%s\"/></svg>",
                      k, mark_class(k), marks[k]) +
            html::expression(static_cast<long long>(k)) + "</span> ";
    }
    return legend + "</p>\n";
}

std::string scatter_figure(const EmbeddedSplit& split, const std::string& title, bool named) {
    std::array<std::string, class_count> paths;
    const std::vector<Spot> spots = placed(split.layout.points);
    for (std::size_t i = 0; i < spots.size(); ++i) {
        const auto k = static_cast<std::size_t>(split.labels[i]);
        paths[k] += formatted("M%.1f %.1f", spots[i].x, spots[i].y) + marks[k];
    }
    std::string figure = "<figure class=\"scatter\"><figcaption><b>" + html::escaped(title) + "</b><small>" +
                         html::count(static_cast<long long>(spots.size())) + " points";
    if (spots.size() < split.images) {
        figure += ", evenly spaced among " + html::count(static_cast<long long>(split.images)) + " images";
    }
    figure += "; divergence " + html::fixed(split.layout.divergence, 3) + "</small></figcaption>";
    figure += formatted("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", side, side) +
              html::escaped(title) + "\">";
    for (std::size_t k = 0; k < paths.size(); ++k) {
        if (paths[k].empty()) continue;
        figure += formatted("<path class=\"mark c%zu%s\" d=\"", k, mark_class(k)) + paths[k] + "\"/>";
    }
    if (named) figure += names(spots, split.labels);
    return figure + "</svg></figure>\n";
}

}  // namespace daf_cnn
