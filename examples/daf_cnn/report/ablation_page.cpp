#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/heat.hpp"
#include "report/html.hpp"
#include "report/page.hpp"
#include "report/scatter.hpp"

namespace daf_cnn {

namespace {

using html::escaped;

std::string yes_or_no(bool has) {
    return has ? "yes" : "no";
}

/// "+0.0120", "−0.0031"
std::string gain(double accuracy, double over) {
    return (accuracy < over ? "−" : "+") + html::fixed(std::abs(accuracy - over), 4);
}

/// The name may break behind its underscore.
std::string breakable(const std::string& name) {
    std::string text = html::escaped(name);
    for (std::size_t at = 0; (at = text.find('_', at)) != std::string::npos; at += 6)
        text.insert(at + 1, "<wbr>");
    return text;
}

/// A cell that says on a narrow screen, where the table has no heading, what it holds.
std::string labelled(const std::string& kind, const std::string& label, const std::string& content) {
    return "<td class=\"" + kind + "\" data-label=\"" + label + "\">" + content + "</td>";
}

std::string accuracy_table(const AblationReport& report) {
    std::string html =
        "<div class=\"scroll\"><table class=\"rows "
        "variants\"><thead><tr><th>variant</th><th>attention</th><th>TC loss</th>"
        "<th class=\"number\">the paper’s accuracy</th><th class=\"number\">and gain</th><th>accuracy "
        "here</th>"
        "<th class=\"number\">and gain</th><th>each seed</th></tr></thead><tbody>\n";
    const AblationVariant& base = report.variants.front();
    for (std::size_t i = 0; i < report.variants.size(); ++i) {
        const AblationVariant& variant = report.variants[i];
        const TrainConfig& config = report.runs[i].config;
        std::string seeds;
        for (const double accuracy : variant.accuracies)
            seeds += (seeds.empty() ? "" : ", ") + html::fixed(accuracy, 4);
        const auto gained = [&](double accuracy, double over) { return i == 0 ? "" : gain(accuracy, over); };
        std::string here = html::fixed(variant.mean, 4);
        if (variant.seeds.size() > 1) here += " <small>± " + html::fixed(variant.spread, 4) + "</small>";
        here += formatted("<span class=\"bar\" style=\"--w:%.1f%%\"></span>",
                          100 * std::clamp(variant.mean, 0.0, 1.0));
        html += "<tr><th scope=\"row\">" + escaped(variant.name) + "</th>" +
                labelled("", "attention", yes_or_no(config.attention == "full")) +
                labelled("", "TC loss", yes_or_no(config.objective != "softmax")) +
                labelled("number", "the paper’s", html::fixed(variant.paper, 4)) +
                labelled("number", "gain", gained(variant.paper, base.paper)) +
                labelled("value", "here", here) +
                labelled("number", "gain", gained(variant.mean, base.mean)) + labelled("", "seeds", seeds) +
                "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

std::string panels(const AblationReport& report, EmbeddedSplit RunReport::*split) {
    std::string html = "<div class=\"four\">\n";
    for (std::size_t i = 0; i < report.runs.size(); ++i) {
        html += scatter_figure(report.runs[i].*split, report.variants[i].name, false);
    }
    return html + "</div>\n";
}

/// How far a class's images lie from its mean, and the mean from the nearest other one; both averaged over
/// the classes.
struct Compactness {
    double own = 0, other = 0;
};

Compactness compactness_of(const ClassDistances& distances) {
    Compactness sum;
    double classes = 0;
    for (std::size_t a = 0; a < distances.spread.size(); ++a) {
        if (!std::isfinite(distances.spread[a])) continue;
        double nearest = INFINITY;
        for (std::size_t b = 0; b < distances.spread.size(); ++b) {
            if (b != a && std::isfinite(distances.between[a][b]))
                nearest = std::min(nearest, distances.between[a][b]);
        }
        if (!std::isfinite(nearest)) continue;
        sum.own += distances.spread[a];
        sum.other += nearest;
        classes += 1;
    }
    return {sum.own / classes, sum.other / classes};
}

std::string compactness_table(const AblationReport& report) {
    std::string html =
        "<div class=\"scroll\"><table class=\"rows\"><thead><tr><th>variant</th><th class=\"number\">to the "
        "own mean</th>"
        "<th class=\"number\">between neighbours</th><th "
        "class=\"number\">ratio</th><th></th></tr></thead><tbody>\n";
    for (std::size_t i = 0; i < report.runs.size(); ++i) {
        const auto [own, other] = compactness_of(report.runs[i].means);
        html += "<tr><th scope=\"row\">" + escaped(report.variants[i].name) + "</th><td class=\"number\">" +
                html::fixed(own, 2) + "</td><td class=\"number\">" + html::fixed(other, 2) +
                "</td><td class=\"number value\">" + html::fixed(other / own, 2) + "</td><td></td></tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

std::string recall_table(const AblationReport& report) {
    std::string html = "<div class=\"scroll\"><table class=\"heat recalls\">" + class_heading("") + "<tbody>";
    for (std::size_t i = 0; i < report.runs.size(); ++i) {
        const std::string& name = report.variants[i].name;
        html += "<tr><th scope=\"row\">" + breakable(name) + "</th>";
        for (Index k = 0; k < class_count; ++k) {
            const double recall = report.runs[i].confusion.recall(k);
            html += heat_cell("right", recall, name + ": " + html::expression(k), html::fixed(recall, 2));
        }
        html += "</tr>";
    }
    return html + "</tbody></table></div>\n";
}

}  // namespace

std::string ablation_page(const AblationReport& report) {
    const auto best = std::ranges::max_element(report.variants, {}, &AblationVariant::mean);
    const AblationVariant& base = report.variants.front();
    const RunReport& run = report.runs.front();
    std::string body = "<header>\n<h1>Ablation</h1>\n<p class=\"subtitle\">" +
                       escaped(report.folder.string()) + ": preset " + escaped(run.config.preset) + " on " +
                       escaped(run.data_source) + "</p>\n<dl class=\"tiles\">\n";
    body += tile("best variant", html::fixed(best->mean, 4), escaped(best->name), true);
    body += tile("over the first variant", gain(best->mean, base.mean), escaped(base.name));
    std::size_t runs = 0;
    for (const AblationVariant& variant : report.variants) runs += variant.seeds.size();
    body += tile("runs", std::to_string(runs),
                 html::counted(static_cast<long long>(base.seeds.size()), "seed") + " a variant");
    body += tile("images", html::count(static_cast<long long>(run.train_images)),
                 "to train on, " + html::count(run.confusion.total()) + " to validate");
    body += "</dl>\n</header>\n<main>\n";
    body += section("table", "The paper’s Table 1, and here",
                    "The paper’s figures are of its own network on FER2013’s test set. Here: the best "
                    "epoch’s accuracy on "
                    "the validation images, the mean over the seeds ± the standard deviation. Gains are over "
                    "the first "
                    "variant; one that is smaller than the deviation says nothing.") +
            accuracy_table(report);
    body += section("training", "Training images",
                    "t-SNE of 512 training images’ embeddings, of each variant’s first seed, as in the "
                    "paper’s Fig 4. Only neighbourhoods mean something.") +
            class_legend() + panels(report, &RunReport::train);
    body += section("validation", "Validation images",
                    "The same for the validation split, as in the paper’s Fig 5.") +
            class_legend() + panels(report, &RunReport::validation);
    body += section("compactness", "How compact the classes are",
                    "Of the validation images’ embeddings, averaged over the classes: the distance to the "
                    "own class’s mean, the "
                    "distance from there to the nearest other mean, and how many times the second holds the "
                    "first. The larger "
                    "the ratio, the clearer the classes are apart.") +
            compactness_table(report);
    body += section("recall", "Recall of each class",
                    "The share of each expression’s validation images that is recognised; first seed.") +
            recall_table(report);
    body +=
        "<p>Each run has a page of its own: <code>daf-cnn report --run DIR/full/seed-1</code>, for "
        "one.</p>\n</main>\n";
    return page_of("daf-cnn: ablation", body);
}

}  // namespace daf_cnn
