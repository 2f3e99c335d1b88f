// `daf-cnn report` as a user runs it: one page that needs nothing else, what it says, and what it refuses.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "html_page.hpp"
#include "report/chart.hpp"
#include "report/heat.hpp"
#include "report/html.hpp"
#include "run_program.hpp"

namespace {

using daf_test::between;
using daf_test::contains;
using daf_test::content_of;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::ScratchFolder;
using daf_test::train;
using nlohmann::json;
namespace fs = std::filesystem;

/// `daf-cnn report`, which must succeed; the page.
std::string reported(const fs::path& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"report", "--run", run};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = daf_test::daf_cnn(arguments);
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    return content_of(run / "report.html");
}

/// Pictures may hold any letters.
std::string without_pictures(const std::string& page) {
    return std::regex_replace(page, std::regex("base64,[A-Za-z0-9+/=]*"), "");
}

void check_page(const std::string& page) {
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(daf_test::tag_problem(page) == "");
    CHECK(daf_test::references_are_escaped(page));
    for (const char* outside :
         {"http:", "https:", "//cdn", "url(", "@import", "<script", "<link", "<iframe"}) {
        CAPTURE(outside);
        CHECK_FALSE(contains(page, outside));
    }
    CHECK(contains(page, "prefers-color-scheme: dark"));
    CHECK(contains(page, "width=device-width"));
    CHECK_FALSE(std::regex_search(without_pictures(page), std::regex("\\b-?(nan|inf)\\b")));
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

/// The words of a POSIX shell's command line, by a shell.
std::vector<std::string> words_of(const std::string& command) {
    const Outcome outcome =
        daf_test::run_command({"sh", "-c", "for word in " + command + "; do echo \"$word\"; done"});
    std::istringstream lines(outcome.out);
    std::vector<std::string> words;
    for (std::string line; std::getline(lines, line);) words.push_back(line);
    return words;
}

}  // namespace

TEST_CASE("the page test itself: it sees what is not closed and what is not escaped") {
    CHECK(daf_test::tag_problem("<p><b>x</b><img src=\"a\"></p>") == "");
    CHECK(daf_test::tag_problem("<p><b>x</p></b>") != "");
    CHECK(daf_test::tag_problem("<p>") != "");
    CHECK(daf_test::tag_problem("<p title=\"a>b</p>") != "");
    CHECK(daf_test::tag_problem("<p>a < b</p>") != "");
    CHECK_FALSE(daf_test::references_are_escaped("a & b"));
    CHECK(daf_test::references_are_escaped("a &amp; b"));
}

TEST_CASE("report: texts, numbers and ticks as a reader sees them") {
    namespace html = daf_cnn::html;
    CHECK(html::escaped("<a href=\"x\">'&") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    CHECK(html::escaped("gr\xC3\xB6\xC3\x9F"
                        "e\x01\xFF") ==
          "gr\xC3\xB6\xC3\x9F"
          "e\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(html::fixed(0.91427, 4) == "0.9143");
    CHECK(html::fixed(std::nan(""), 4) == "–");
    CHECK(html::count(1422154) == "1,422,154");
    CHECK(html::count(999) == "999");
    CHECK(html::count(-1000) == "-1,000");
    CHECK(html::duration(47.6) == "48 s");
    CHECK(html::duration(125) == "2 min 5 s");
    CHECK(html::duration(12000) == "3 h 20 min");
    CHECK(html::counted(1, "epoch") == "1 epoch");
    CHECK(html::counted(2000, "epoch") == "2,000 epochs");
    const std::vector<std::uint8_t> grey{0, 255, 255, 0};
    CHECK(html::picture_uri(grey, 2).starts_with("data:image/png;base64,iVBORw0KGgo"));

    CHECK(daf_cnn::round_ticks(0, 0.97, 4) == std::vector<double>{0, 0.5, 1});
    CHECK(daf_cnn::round_ticks(0, 700, 4) == std::vector<double>{0, 200, 400, 600, 800});
    CHECK(daf_cnn::round_ticks(0, 0, 4).size() >= 2);
    CHECK(daf_cnn::round_ticks(0, 5e-324, 4).size() >= 2);
}

TEST_CASE("report: the channel stage is the mean of the gated map") {
    daf_cnn::Gaze gaze;
    gaze.side = 1;
    gaze.map = {2, -4};
    gaze.channel_gate = {0.5f, 0.25f};
    gaze.spatial_gate = {0.5f};
    CHECK(daf_cnn::channel_stage(gaze) == std::vector<double>{1});
    CHECK(daf_cnn::let_through(gaze) == doctest::Approx(2.0 / 6));
}

TEST_CASE("report: a run's page has every part, needs nothing else, and is the same on 1 and 3 threads") {
    const ScratchFolder folder;
    const fs::path run = folder / "run";
    // The rate drops after the second and third epoch, and the best model is reloaded where the epoch was not
    // it.
    REQUIRE(train(run, {"--epochs", "3", "--patience", "1", "--threshold", "1", "--margin", "12"}).status ==
            0);
    const Outcome outcome = daf_test::daf_cnn({"report", "--run", run, "--threads", "1"});
    REQUIRE(outcome.status == 0);
    CHECK(outcome.err == "");
    CHECK(outcome.last_line() == "report: " + (run / "report.html").string());
    const std::string page = content_of(run / "report.html");
    check_page(page);
    for (const char* id :
         {"curves", "confusion", "embedding", "attention", "centres", "mistakes", "configuration"}) {
        CAPTURE(id);
        CHECK(contains(page, "<h2 id=\"" + std::string(id) + "\">"));
        CHECK(contains(page, "href=\"#" + std::string(id) + "\""));
    }

    double best = -1;
    std::istringstream lines(content_of(run / "metrics.jsonl"));
    std::size_t reloads = 0;
    for (std::string line; std::getline(lines, line);) {
        best = std::max(best, json::parse(line)["val_accuracy"].get<double>());
        reloads += json::parse(line).value("reloaded", false);
    }
    CHECK(contains(page, "<dt>validation accuracy</dt><dd>" + daf_cnn::html::fixed(best, 4)));
    CHECK_FALSE(contains(page, "training recorded"));
    CHECK(contains(page, "1,422,154"));
    CHECK(count_of(page, "<figure class=\"chart\">") == 6);
    const std::size_t in_legend = count_of(page, "<circle class=\"reload\" cx=\"7\"");
    CHECK(count_of(page, "<circle class=\"reload\"") == 6 * reloads + in_legend);
    CHECK(count_of(page, "<path class=\"drop\" d=\"M") >= 6);
    CHECK(count_of(page, "<figure class=\"scatter\">") == 2);
    CHECK(contains(page, "64 points; divergence"));
    CHECK(count_of(page, "class=\"map\"") == 14);  // seven classes, two stages
    CHECK(contains(page, "Centres of the TC loss"));
    CHECK(count_of(page, "class=\"own") == 14);  // two tables' diagonals
    CHECK(count_of(page, "<td class=\"sum\">") == 7);
    CHECK(contains(page, "<th scope=\"row\">margin</th><td class=\"value\">12</td>"));

    // The same bytes, also where a page is already.
    CHECK((reported(run, {"--threads", "3"}) == page));
    CHECK(fs::exists(run / "report.html"));
    const fs::path other = folder / "other.html";
    REQUIRE(daf_test::daf_cnn({"report", "--run", run, "--out", other}).status == 0);
    CHECK((content_of(other) == page));
    CHECK_FALSE((reported(run, {"--points", "20"}) == page));
    CHECK(contains(content_of(run / "report.html"), "20 points, evenly spaced among 64 images"));
}

TEST_CASE("report: the command that it shows repeats the run to the same bits") {
    const ScratchFolder folder;
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{"--recipe", "sfew", "--lambda", "0.02", "--seed", "7", "--keep-epochs"},
          std::vector<std::string>{"--optimizer", "sgd", "--lr", "0.000001", "--attention", "none"},
          std::vector<std::string>{"--optimizer", "sgd", "--objective", "softmax", "--momentum", "0.5"}}) {
        CAPTURE(more.front());
        const fs::path run = folder / "run", again = folder / "again";
        std::vector<std::string> options{"--epochs", "1"};
        options.insert(options.end(), more.begin(), more.end());
        REQUIRE(train(run, options).status == 0);
        const std::string command =
            daf_test::unescaped(between(reported(run), "<pre><code>", "</code></pre>"));
        std::vector<std::string> words = words_of(command);
        REQUIRE(words.size() > 4);
        CHECK(words[0] == "daf-cnn");
        CHECK(words.back() == "DIR");
        words.erase(words.begin());
        words.back() = again;
        const Outcome outcome = daf_test::daf_cnn(words);
        CAPTURE(outcome.err);
        REQUIRE(outcome.status == 0);
        CHECK(content_of(again / "config.json") == content_of(run / "config.json"));
        CHECK((content_of(again / "best.safetensors") == content_of(run / "best.safetensors")));
        fs::remove_all(run);
        fs::remove_all(again);
    }
}

TEST_CASE("report: a run whose file has a figure that does not act is repeated by that file") {
    const ScratchFolder folder;
    REQUIRE(train(folder / "first", {"--epochs", "1", "--margin", "5"}).status == 0);
    const fs::path run = folder / "run", again = folder / "again";
    REQUIRE(daf_test::daf_cnn(
                {"train", "--config", folder / "first/config.json", "--objective", "softmax", "--run", run})
                .status == 0);
    const std::string command = daf_test::unescaped(between(reported(run), "<pre><code>", "</code></pre>"));
    CHECK(command == "daf-cnn train --config " + (run / "config.json").string() + " --run DIR");
    REQUIRE(daf_test::daf_cnn({"train", "--config", run / "config.json", "--run", again}).status == 0);
    CHECK(content_of(again / "config.json") == content_of(run / "config.json"));
    CHECK((content_of(again / "best.safetensors") == content_of(run / "best.safetensors")));
}

TEST_CASE("report: what a run does not have is left out in words") {
    const ScratchFolder folder;
    REQUIRE(
        train(folder / "run", {"--epochs", "1", "--attention", "none", "--objective", "softmax"}).status ==
        0);
    const std::string page = reported(folder / "run");
    check_page(page);
    CHECK(contains(page, "This network has no attention"));
    CHECK(contains(page, "Trained by softmax alone: there are no TC loss"));
    CHECK(contains(page, "the loss has no centres"));
    CHECK(count_of(page, "<figure class=\"chart\">") == 3);
    CHECK_FALSE(contains(page, "Centres of the TC loss"));

    REQUIRE(train(folder / "tc", {"--epochs", "1", "--objective", "tc"}).status == 0);
    const std::string tc = reported(folder / "tc");
    check_page(tc);
    CHECK(contains(tc, "Centres of the TC loss"));
    CHECK_FALSE(contains(tc, ">softmax</span>"));
}

TEST_CASE("report: names that try to be HTML or a shell's commands stay names") {
    const ScratchFolder folder;
    const std::string name = "<b>&\"it's\" $(x)";
    const fs::path csv = folder / (name + ".csv"), run = folder / name;
    REQUIRE(daf_test::daf_cnn({"faces", "--csv", csv, "--limit", "64"}).status == 0);
    REQUIRE(train(run, {"--epochs", "1", "--data", csv}).status == 0);
    const std::string page = reported(run);
    check_page(page);
    CHECK(contains(page, "<h1>&lt;b&gt;&amp;&quot;it&#39;s&quot; $(x)</h1>"));
    const std::string command = daf_test::unescaped(between(page, "<pre><code>", "</code></pre>"));
    const std::vector<std::string> words = words_of(command);
    CHECK(std::ranges::find(words, csv.string()) != words.end());
}

TEST_CASE("report: an ablation's page has the table and the four variants beside each other") {
    const ScratchFolder folder;
    const fs::path whole = folder / "ablation";
    json variants;
    const auto add = [&](const char* name, const char* place, double paper, const char* attention,
                         const char* objective) {
        REQUIRE(train(whole / place / "seed-1",
                      {"--epochs", "1", "--attention", attention, "--objective", objective})
                    .status == 0);
        variants.push_back({{"name", name},
                            {"folder", place},
                            {"paper", paper},
                            {"seeds", {1, 2}},
                            {"accuracies", {0.9, 0.92}},
                            {"mean", 0.91},
                            {"spread", 0.0141}});
    };
    add("DAF-CNN_NOatt&tcl", "noatt-notcl", 0.7041, "none", "softmax");
    add("DAF-CNN_NOatt", "noatt", 0.7138, "none", "joint");
    add("DAF-CNN_NOtcl", "notcl", 0.7180, "full", "softmax");
    add("DAF-CNN", "full", 0.7239, "full", "joint");
    const auto write = [&](const std::string& text) { folder.file("ablation/ablation.json", text); };
    write(json{{"variants", variants}}.dump());

    const std::string page = reported(whole);
    check_page(page);
    CHECK(count_of(page, "<figure class=\"scatter\">") == 8);
    CHECK(contains(page, "DAF-CNN_NOatt&amp;tcl"));
    for (const char* figure :
         {"0.7041", "0.7138", "0.7180", "0.7239", "0.9100", "± 0.0141", "0.9000, 0.9200", "+0.0198"}) {
        CAPTURE(figure);
        CHECK(contains(page, figure));
    }

    const auto refused = [&](const std::string& text, const std::string& place = " ") {
        write(text);
        const Outcome outcome = daf_test::daf_cnn({"report", "--run", whole});
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "ablation.json:" + place));
    };
    refused("hello", "1:1: expected JSON, found invalid literal");
    refused("{\"variants\":[]}");
    refused("{\"variants\":[1]}");
    json broken = variants;
    broken[2].erase("paper");
    refused(json{{"variants", broken}}.dump());
    broken = variants;
    broken[1]["accuracies"] = {0.9};
    refused(json{{"variants", broken}}.dump());
    CHECK((content_of(whole / "report.html") == page));  // whole, as it was

    write(json{{"variants", variants}}.dump());
    fs::remove(whole / "full/seed-1/best.safetensors");
    const Outcome outcome = daf_test::daf_cnn({"report", "--run", whole});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "full/seed-1/best.safetensors: expected the best epoch's model"));
}

TEST_CASE("report: bad use and damaged runs are refused in one line that says where") {
    const ScratchFolder folder;
    const fs::path run = folder / "run";
    const auto refused = [&](int status, const std::string& part, const std::vector<std::string>& arguments) {
        std::vector<std::string> all{"report"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const Outcome outcome = daf_test::daf_cnn(all);
        CAPTURE(outcome.err);
        CHECK(outcome.status == status);
        CHECK(is_one_clear_line(outcome.err, part));
        CHECK(outcome.out == "");
    };
    refused(2, "--run: expected the folder of a run", {});
    refused(2, "there is none at", {"--run", folder / "none"});
    refused(2, "holds no config.json", {"--run", folder.path()});
    refused(2, "--points: expected a whole number", {"--run", run, "--points", "0"});

    REQUIRE(train(run, {"--epochs", "2"}).status == 0);
    const std::string metrics = content_of(run / "metrics.jsonl");
    const std::string first = metrics.substr(0, metrics.find('\n') + 1),
                      second = metrics.substr(first.size());
    const auto with_metrics = [&](const std::string& text, const std::string& part) {
        folder.file("run/metrics.jsonl", text);
        refused(1, part, {"--run", run});
        CHECK_FALSE(fs::exists(run / "report.html"));
    };
    with_metrics(first + "{\"epoch\":2,\"lo",
                 "metrics.jsonl:2: expected one JSON object with an epoch's figures");
    with_metrics("\n" + metrics, "metrics.jsonl:1: expected one JSON object");
    with_metrics(first + "{\"epoch\":2,\"loss\":\"low\"}\n",
                 "metrics.jsonl:2: expected a number 'loss', found");
    with_metrics(first + first, "metrics.jsonl:2: expected epoch 2, found 1");
    folder.file("run/metrics.jsonl", metrics);

    refused(2, "last.safetensors' exists and is no report",
            {"--run", run, "--out", run / "last.safetensors"});
    refused(1, "none/page.html: No such file", {"--run", run, "--out", folder / "none/page.html"});
    refused(1, "Is a directory", {"--run", run, "--out", folder.path()});

    fs::rename(run / "best.safetensors", run / "kept");
    refused(1,
            "best.safetensors: expected the best epoch's model, found none, though epochs have ended. "
            "Restore it.",
            {"--run", run});
    fs::rename(run / "kept", run / "best.safetensors");
    // Metrics that are not those of the model: the page says so.
    std::string altered;
    for (const std::string& line : {first, second}) {
        json figures = json::parse(line);
        figures["val_accuracy"] = 0.0123;
        altered += figures.dump() + "\n";
    }
    folder.file("run/metrics.jsonl", altered);
    const std::string page = reported(run);
    check_page(page);
    CHECK(contains(page, "training recorded 0.0123"));
    // One that was lost and begun anew when the run went on.
    folder.file("run/metrics.jsonl", second);
    const std::string later = reported(run);
    check_page(later);
    CHECK(contains(later, "metrics.jsonl begins with epoch 2"));
    CHECK(contains(later, "training, epoch 2: "));
    CHECK_FALSE(contains(later, "training, epoch 1: "));
    CHECK(contains(later, "of 2 epochs"));
    fs::remove(run / "metrics.jsonl");
    const std::string without = reported(run);
    check_page(without);
    CHECK(contains(without, "metrics.jsonl has no line for the best epoch"));
}
