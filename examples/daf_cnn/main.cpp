// daf-cnn: trains, evaluates, reports on and times the networks of the DAF-CNN paper.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <daf/core/version.hpp>
#include <exception>
#include <iostream>
#include <map>
#include <new>
#include <string>
#include <string_view>

#include "command/commands.hpp"
#include "command/help.hpp"
#include "command/option.hpp"
#include "command/text.hpp"
#include "training/stop.hpp"

namespace {

enum Status { done = 0, failed = 1, bad_use = 2, stopped = daf_cnn::stopped_status };

/// Standard streams that are closed (daf-cnn >&-) stay without effect: else the next file opened would take
/// their number, and be written to as if it were standard output. Reading gives nothing, writing fails.
void occupy_closed_streams() {
    int number = 0;
    do number = ::open("/dev/null", O_RDONLY);
    while (number >= 0 && number <= STDERR_FILENO);
    if (number >= 0) ::close(number);
}

/// Says on one line what went wrong.
int complain(const std::string& what, Status status) {
    std::cout.flush();
    std::cerr << "daf-cnn: " << daf_cnn::one_line(what) << '\n';
    return status;
}

/// "train, eval or bench": every command.
std::string names_of(const std::vector<const CLI::App*>& commands) {
    std::string names;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        names += i == 0 ? "" : i + 1 == commands.size() ? " or " : ", ";
        names += commands[i]->get_name();
    }
    return names;
}

/// --run="$RUN" of an empty RUN: the parser would take the next word for its value.
void check_values_given(int argc, char** argv) {
    for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
        const std::string_view word(argv[i]);
        if (!word.starts_with("--") || !word.ends_with('=')) continue;
        throw daf_cnn::BadUse(std::string(word.substr(0, word.size() - 1)) +
                              ": expected a value behind the '=', but found nothing; give one, or leave the "
                              "option out");
    }
}

int run(int argc, char** argv) {
    CLI::App program{"Faces' expressions by DAF-CNN: 3D attention and Triplet-Centre loss"};
    program.name("daf-cnn");
    program.require_subcommand(0, 1);
    program.set_version_flag("--version", std::string(daf::version_string), "print the version and exit");
    bool manual = false, completion = false;  // for the installation: no one asks for them by hand
    program.add_flag("--man", manual)->group("");
    program.add_flag("--bash-completion", completion)->group("");
    program.footer(
        "daf-cnn COMMAND --help lists what a command takes. Exit status: 0 done, 1 the\n"
        "work failed, 2 bad use, 130 stopped by a signal after saving.");
    daf_cnn::use_help_format(program);
    // In the order of --help.
    const std::map<std::string, daf_cnn::Command> commands{
        {"train", daf_cnn::add_train(program)},   {"finetune", daf_cnn::add_finetune(program)},
        {"ablate", daf_cnn::add_ablate(program)}, {"report", daf_cnn::add_report(program)},
        {"eval", daf_cnn::add_eval(program)},     {"predict", daf_cnn::add_predict(program)},
        {"faces", daf_cnn::add_faces(program)},   {"bench", daf_cnn::add_bench(program)}};
    daf_cnn::place_help_flags(program);
    check_values_given(argc, argv);
    try {
        program.parse(argc, argv);
    } catch (const CLI::Success& wanted) {  // --help, --version
        return program.exit(wanted);
    } catch (const CLI::ParseError& error) {
        return complain(std::string(error.what()) + " (daf-cnn --help says more)", bad_use);
    }
    if (manual) std::cout << daf_cnn::manual_page(program);
    if (completion) std::cout << daf_cnn::bash_completion(program);
    const auto chosen = program.get_subcommands();
    if (chosen.empty() && (manual || completion)) return done;
    if (chosen.empty()) {
        throw daf_cnn::BadUse("expected a command: " + names_of(daf_cnn::commands_of(program)) +
                              " (daf-cnn --help says more)");
    }
    commands.at(chosen.front()->get_name())();
    if (!std::cout.flush()) return complain("cannot write to standard output", failed);
    return done;
}

}  // namespace

int main(int argc, char** argv) {
    occupy_closed_streams();
    // A file that would outgrow the limit on its size is then a failed write with a message.
    std::signal(SIGXFSZ, SIG_IGN);
    // So is a reader that has gone: Ctrl-C ends the `tee` that a training writes to, which is yet to save.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const daf_cnn::BadUse& error) {
        return complain(error.what(), bad_use);
    } catch (const daf_cnn::Stopped& signal) {
        return complain(signal.what(), stopped);
    } catch (const std::bad_alloc&) {
        return complain("out of memory; try a smaller --batch, --limit or preset", failed);
    } catch (const std::exception& error) {
        return complain(error.what(), failed);
    }
}
