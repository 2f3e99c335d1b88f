#include <CLI/CLI.hpp>
#include <daf/io/file.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "report/page.hpp"
#include "training/ablation.hpp"
#include "training/run_folder.hpp"

namespace daf_cnn {

namespace {

struct Request {
    std::string run;
    std::string out;
    std::optional<std::string> data{};
    std::uint32_t points = 4000;
    int threads = default_threads();
    Given given;
};

/// A report may be written again, but not over a file that somebody typed by mistake.
void check_target(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return;  // writing says what is wrong with others
    std::string beginning(page_beginning.size(), '\0');
    std::ifstream(path, std::ios::binary)
        .read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    if (beginning != page_beginning) {
        throw BadUse("--out: '" + path.string() +
                     "' exists and is no report; remove it, or name another file");
    }
}

/// An ablation's table is written when all its runs are done.
void check_not_an_unfinished_ablation(const std::filesystem::path& folder) {
    if (config_of(RunFolder(folder).config()) != ConfigOf::ablation) return;
    throw daf::FileError(ablation_file(folder).string() +
                         ": expected the table of this ablation, found none: it has not ended yet. Go on "
                         "with it by daf-cnn ablate --resume.");
}

void report(const Request& request) {
    if (request.run.empty()) {
        throw BadUse("--run: expected the folder of a run, but was given none; add --run DIR");
    }
    const std::filesystem::path folder(request.run);
    const std::filesystem::path out =
        request.out.empty() ? folder / "report.html" : std::filesystem::path(request.out);
    check_target(out);

    daf::Cpu cpu(daf::Threads{request.threads});
    std::error_code ignored;
    std::string page;
    if (std::filesystem::exists(ablation_file(folder), ignored)) {
        page = ablation_page(gather_ablation(cpu, folder, request.points, request.data));
    } else {
        check_not_an_unfinished_ablation(folder);
        DataCache cache;
        cache.moved_to = request.data;
        page = run_page(gather(cpu, RunFolder(folder), request.points, cache));
    }
    daf::write_atomically(out, [&](daf::FileWriter& file) { file.write(page); });
    std::cout << "report: " << out.string() << '\n';
}

}  // namespace

Command add_report(CLI::App& program) {
    CLI::App* app = program.add_subcommand("report", "Write how a run or an ablation did as one HTML page");
    const auto request = std::make_shared<Request>();
    Given& given = request->given;
    add_option(*app, Option{"run", AnyText{"DIR"}, "the folder that train or ablate wrote"}, request->run,
               given);
    add_option(*app, Option{"out", AnyText{"FILE"}, "where to write the page", "DIR/report.html"},
               request->out, given);
    add_option(*app, data_option("where the data lies, if it has moved since", "as config.json says"),
               request->data, given);
    add_option(
        *app,
        Option{"points", Interval{1, 20000},
               "validation images in the t-SNE at most, evenly spaced; its time grows with the square"},
        request->points, given);
    add_option(*app, threads_option("threads; the page does not depend on them"), request->threads, given);
    app->footer(
        "One page without network or scripts: learning curves, confusion matrix, t-SNE,\n"
        "attention, distances between classes, the surest mistakes; for an ablation, the\n"
        "table beside the paper's and the four variants side by side.\n\n"
        "Examples:\n"
        "  daf-cnn report --run runs/first\n"
        "  daf-cnn report --run runs/table-1 --out table-1.html");
    return [request] { report(*request); };
}

}  // namespace daf_cnn
