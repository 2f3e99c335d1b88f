#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/chart.hpp"
#include "report/heat.hpp"
#include "report/html.hpp"
#include "report/page.hpp"
#include "report/repeat.hpp"
#include "report/scatter.hpp"

namespace daf_cnn {

namespace {

using html::escaped;

bool has_tc(const RunReport& report) {
    return report.config.objective != "softmax";
}

std::vector<EpochEvent> events_of(const std::vector<EpochRecord>& epochs) {
    std::vector<EpochEvent> events;
    for (std::size_t i = 0; i < epochs.size(); ++i) {
        const bool dropped = i + 1 < epochs.size() && epochs[i + 1].lr < epochs[i].lr;
        // A reload never comes without a drop; the last epoch's drop shows in nothing else.
        if (dropped || epochs[i].reloaded) events.push_back({epochs[i].epoch, true, epochs[i].reloaded});
    }
    return events;
}

std::string name_of(const RunFolder& folder) {
    std::filesystem::path path = std::filesystem::absolute(folder.path()).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    return path.filename().string();
}

std::string tiles(const RunReport& report) {
    std::string html = "<dl class=\"tiles\">\n";
    html += tile("validation accuracy", html::fixed(report.confusion.accuracy(), 4),
                 "mean recall " + html::fixed(report.confusion.balanced_accuracy(), 4), true);
    html += tile("best epoch", std::to_string(report.best_epoch),
                 "of " + html::counted(report.epochs.empty() ? 0 : report.epochs.back().epoch, "epoch"));
    html += tile("images", html::count(static_cast<long long>(report.train_images)),
                 "to train on, " + html::count(report.confusion.total()) + " to validate");
    html += tile("parameters", html::count(report.parameters),
                 formatted("images of %td×%td", report.network_side, report.network_side));
    const auto epochs = static_cast<double>(std::max<std::size_t>(report.epochs.size(), 1));
    html += tile("time", html::duration(report.seconds()),
                 html::fixed(report.seconds() / epochs, 1) + " s an epoch; " +
                     html::fixed(report.data_wait(), 1) + " s waiting for images");
    return html + "</dl>\n";
}

/// The classes that the model knows best and worst, in a sentence.
std::string summary(const RunReport& report) {
    const daf::ConfusionMatrix& confusion = report.confusion;
    std::vector<Index> classes;
    for (Index k = 0; k < class_count; ++k) {
        if (confusion.row(k) > 0) classes.push_back(k);
    }
    const auto recall = [&](Index k) { return confusion.recall(k); };
    const Index best = *std::ranges::max_element(classes, {}, recall);
    const Index worst = *std::ranges::min_element(classes, {}, recall);
    std::string text = "<p class=\"summary\">" + html::percent(confusion.accuracy()) + " of the " +
                       html::count(confusion.total()) + " validation images are recognised. Best known: <b>" +
                       html::expression(best) + "</b> (" + html::percent(recall(best)) + "). Least: <b>" +
                       html::expression(worst) + "</b> (" + html::percent(recall(worst)) + ")";
    Index other = worst == 0 ? 1 : 0;
    for (Index k = 0; k < class_count; ++k) {
        if (k != worst && confusion.count(worst, k) > confusion.count(worst, other)) other = k;
    }
    if (confusion.count(worst, other) > 0) text += ", most often taken for " + html::expression(other);
    text += ".</p>\n";
    if (!report.left_out.empty())
        text += "<p><b>Note:</b> " + report.left_out.text() + " left out of the data.</p>\n";
    if (!report.epochs.empty() && report.epochs.front().epoch > 1) {
        text += "<p><b>Note:</b> metrics.jsonl begins with epoch " +
                std::to_string(report.epochs.front().epoch) +
                ": what was recorded before is lost, and so are its seconds.</p>\n";
    }
    const EpochRecord* record = report.best_record();
    if (record == nullptr) {
        text += "<p><b>Note:</b> metrics.jsonl has no line for the best epoch.</p>\n";
    } else if (std::abs(record->val_accuracy - confusion.accuracy()) > 1e-12) {
        text += "<p><b>Note:</b> training recorded " + html::fixed(record->val_accuracy, 4) +
                " for this epoch. Another processor, device or precision may judge a few images otherwise; "
                "more, and the data or the file of the model have changed since.</p>\n";
    }
    return text;
}

std::string curves(const RunReport& report) {
    if (report.epochs.empty()) {
        return section("curves", "Learning curves",
                       "metrics.jsonl holds no epoch, so there are no curves to draw.");
    }
    const std::vector<EpochEvent> events = events_of(report.epochs);
    const Epochs epochs{report.epochs.front().epoch, static_cast<int>(report.epochs.size()),
                        report.best_epoch, events};
    const auto values = [&](double EpochRecord::*figure) {
        std::vector<double> all;
        for (const EpochRecord& epoch : report.epochs) all.push_back(epoch.*figure);
        return all;
    };
    const bool tc = has_tc(report), softmax = report.config.objective != "tc";
    std::string html =
        section("curves", "Learning curves", "One point an epoch; rest the pointer on it for its value.");
    html +=
        "<p class=\"signs\"><span class=\"sign\"><svg viewBox=\"0 0 14 14\"><path class=\"best\" d=\"M7 "
        "0V14\"/></svg>best "
        "epoch</span>";
    if (!events.empty()) {
        html +=
            "<span class=\"sign\"><svg viewBox=\"0 0 14 14\"><path class=\"drop\" d=\"M7 11l-5 "
            "-8h10z\"/></svg>learning rate "
            "dropped</span><span class=\"sign\"><svg viewBox=\"0 0 14 14\"><circle class=\"reload\" cx=\"7\" "
            "cy=\"7\" "
            "r=\"4\"/></svg>best model reloaded</span>";
    }
    html += "</p>\n<div class=\"charts\">\n";
    html += chart_figure({"Accuracy",
                          "share of images recognised, in training with dropout",
                          {{"training", "b", values(&EpochRecord::train_accuracy)},
                           {"validation", "a", values(&EpochRecord::val_accuracy)}}},
                         epochs);
    Chart loss{
        "Loss", tc && softmax ? "mean of a batch: Eq 13, and its softmax part" : "mean of a batch", {}};
    loss.series.push_back({"total", "a", values(&EpochRecord::loss)});
    if (tc && softmax) loss.series.push_back({"softmax", "b", values(&EpochRecord::softmax)});
    html += chart_figure(loss, epochs);
    if (tc) {
        html += chart_figure(
            {"TC loss", "of a batch, without λ (Eq 9)", {{"TC", "a", values(&EpochRecord::tc)}}}, epochs);
    }
    html += chart_figure({"Learning rate", "of each epoch", {{"rate", "a", values(&EpochRecord::lr)}}, true},
                         epochs);
    if (tc) {
        html += chart_figure({"Active fraction",
                              "share of images whose TC loss is not zero",
                              {{"active", "a", values(&EpochRecord::active)}},
                              false,
                              1},
                             epochs);
        html += chart_figure({"Centre norm",
                              "mean length of the seven centres",
                              {{"norm", "a", values(&EpochRecord::centre_norm)}}},
                             epochs);
    }
    html += "</div>\n";
    if (!tc)
        html +=
            "<p>Trained by softmax alone: there are no TC loss, no active fraction and no centres to "
            "follow.</p>\n";
    return html;
}

std::string confusion(const RunReport& report) {
    return section("confusion", "Confusion matrix",
                   "Rows are the true expression, columns what the model says, as in the paper’s Fig 2: the "
                   "share of the row, "
                   "and the count below. Blue is right, orange wrong; the stronger, the larger the share.") +
           confusion_table(report.confusion);
}

std::string embedding(const RunReport& report) {
    return section("embedding", "Embedding",
                   "Each mark is an image, laid out by t-SNE so that images whose embeddings are close stay "
                   "close. Only "
                   "neighbourhoods mean something: not the axes, nor the distances between groups.") +
           class_legend() + "<div class=\"pair\">\n" + scatter_figure(report.train, "Training images", true) +
           scatter_figure(report.validation, "Validation images", true) + "</div>\n";
}

std::string attention(const RunReport& report) {
    if (report.samples.empty()) {
        return section("attention", "Attention",
                       "This network has no attention, so there is nothing to look at here.");
    }
    const Index side = report.samples.front().gaze->side;
    return section(
               "attention", "Attention",
               formatted(
                   "Where the network looks, on the clearest validation image of each class. The attention "
                   "weighs a map of %td×%td places; the more orange a place, the more it counts, from the "
                   "least to the most of that image. Channel stage: how strong the map is there once the "
                   "channel gates have weighed it (below: how much of the map they keep). Spatial stage: how "
                   "open the gate of that place is (below: the least and the most open one).",
                   side, side)) +
           attention_figure(report.samples);
}

std::string centres(const RunReport& report) {
    std::string html = section("centres", "Distances between classes",
                               "Euclidean distances in the embedding; the stronger the colour, the closer. "
                               "Framed, on the diagonal: how far a "
                               "class’s validation images lie from their own point, on average.");
    html += "<div class=\"pair\">\n";
    if (report.centres) html += distance_table(*report.centres, "Centres of the TC loss");
    html += distance_table(report.means, "Mean embeddings of the classes") + "</div>\n";
    if (!report.centres)
        html +=
            "<p>Trained by softmax alone: the loss has no centres, so the classes’ means stand here "
            "alone.</p>\n";
    return html;
}

std::string mistakes(const RunReport& report) {
    const long long wrong = report.confusion.total() - report.confusion.correct();
    if (wrong == 0)
        return section("mistakes", "Most confused images", "Every validation image is recognised.");
    std::string html =
        section("mistakes", "Most confused images",
                "The mistakes that the model is surest of, out of " + html::count(wrong) +
                    ": true expression → the one it says, and the probability that it gives it.");
    html += "<ul class=\"mistakes\">\n";
    for (const JudgedFace& face : report.mistakes) {
        html += "<li>" +
                html::picture(face.pixels, face.side, formatted("validation image %zu", face.index)) +
                html::expression(face.label) + " → <b>" + html::expression(face.prediction) + "</b><small>" +
                html::fixed(face.probability, 3) + formatted(", image %zu", face.index) + "</small></li>\n";
    }
    return html + "</ul>\n";
}

std::string configuration(const RunReport& report) {
    std::string html =
        section("configuration", "Command and configuration",
                "This repeats the run: to the same bits on the processor or GPU that all of it "
                "ran on, whatever the number of threads:");
    html +=
        "<pre><code>" + escaped(repeating_command(report.config, report.folder.config())) + "</code></pre>\n";
    html +=
        "<table class=\"rows "
        "settings\"><thead><tr><th>option</th><th>value</th><th>meaning</th></tr></thead><tbody>\n";
    for_each_option(report.config, [&](const Option& option, const auto& value) {
        const ValueText text = value_text(value);
        html += "<tr><th scope=\"row\">" + std::string(option.name) + "</th><td class=\"value\">" +
                (text ? escaped(*text) : "–") + "</td><td>" + escaped(option.help) + "</td></tr>\n";
    });
    return html + "</tbody></table>\n";
}

}  // namespace

std::string run_page(const RunReport& report) {
    const std::string name = name_of(report.folder);
    std::string body = "<header>\n<h1>" + escaped(name) + "</h1>\n<p class=\"subtitle\">" +
                       escaped(report.architecture) + " on " + escaped(report.data_source);
    if (report.image_side != report.network_side) {
        body += formatted(" (%d×%d, resampled)", report.image_side, report.image_side);
    }
    body += ", objective " + escaped(report.config.objective) + "</p>\n" + tiles(report) + summary(report);
    body +=
        "<nav><a href=\"#curves\">Learning curves</a><a href=\"#confusion\">Confusion</a><a "
        "href=\"#embedding\">Embedding</a><a href=\"#attention\">Attention</a><a "
        "href=\"#centres\">Distances</a><a "
        "href=\"#mistakes\">Mistakes</a><a "
        "href=\"#configuration\">Configuration</a></nav>\n</header>\n<main>\n";
    body += curves(report) + confusion(report) + embedding(report) + attention(report) + centres(report) +
            mistakes(report) + configuration(report) + "</main>\n";
    return page_of("daf-cnn: " + name, body);
}

}  // namespace daf_cnn
