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

#include "base/option.hpp"
#include "base/text.hpp"
#include "command/commands.hpp"
#include "command/help.hpp"
#include "command/parsing.hpp"
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

/// What is about the whole program takes no command, which would not be heeded.
void check_alone(const CLI::App& program, const std::string& option) {
    const auto chosen = program.get_subcommands();
    if (chosen.empty()) return;
    const std::string command = chosen.front()->get_name();
    throw daf_cnn::BadUse(option + ": it is about all commands and takes none, but was given '" + command +
                          "'; leave that out, or see daf-cnn " + command + " --help");
}

void run(int argc, char** argv) {
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
    try {
        daf_cnn::parse(program, argc, argv);
    } catch (const CLI::Success& wanted) {  // --help, --version
        program.exit(wanted);
        return;
    } catch (const CLI::ParseError& error) {
        throw daf_cnn::BadUse(std::string(error.what()) + " (daf-cnn --help says more)");
    }
    if (manual || completion) {
        if (manual && completion)
            throw daf_cnn::BadUse("--man: expected it alone, but was given --bash-completion too");
        check_alone(program, manual ? "--man" : "--bash-completion");
        std::cout << (manual ? daf_cnn::manual_page(program) : daf_cnn::bash_completion(program));
    } else {
        commands.at(daf_cnn::chosen_command(program).get_name())();
    }
}

}  // namespace

int main(int argc, char** argv) {
    occupy_closed_streams();
    // A file that would outgrow the limit on its size is then a failed write with a message.
    std::signal(SIGXFSZ, SIG_IGN);
    // So is a reader that has gone: Ctrl-C ends the `tee` that a training writes to, which is yet to save.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        run(argc, argv);
        return std::cout.flush() ? done : complain("cannot write to standard output", failed);
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
