// daf-cnn: trains, evaluates, reports on and times the networks of the DAF-CNN paper.
#include <CLI/CLI.hpp>
#include <csignal>
#include <daf/core/version.hpp>
#include <exception>
#include <iostream>
#include <map>
#include <new>
#include <string>

#include "command/commands.hpp"
#include "command/option.hpp"
#include "command/text.hpp"

namespace {

enum Status { done = 0, failed = 1, bad_use = 2 };

/// Says on one line what went wrong.
int complain(const std::string& what, Status status) {
    std::cout.flush();
    std::cerr << "daf-cnn: " << daf_cnn::one_line(what) << '\n';
    return status;
}

int run(int argc, char** argv) {
    CLI::App program{"Faces' expressions by DAF-CNN: 3D attention and Triplet-Centre loss"};
    program.name("daf-cnn");
    program.require_subcommand(0, 1);
    program.set_version_flag("--version", std::string(daf::version_string));
    const std::map<std::string, daf_cnn::Command> commands{{"train", daf_cnn::add_train(program)},
                                                           {"eval", daf_cnn::add_eval(program)},
                                                           {"bench", daf_cnn::add_bench(program)},
                                                           {"faces", daf_cnn::add_faces(program)},
                                                           {"report", daf_cnn::add_report(program)}};
    try {
        program.parse(argc, argv);
    } catch (const CLI::Success& wanted) {  // --help, --version
        return program.exit(wanted);
    } catch (const CLI::ParseError& error) {
        return complain(std::string(error.what()) + " (daf-cnn --help says more)", bad_use);
    }
    const auto chosen = program.get_subcommands();
    if (chosen.empty()) {
        throw daf_cnn::BadUse(
            "expected a command: train, eval, bench, faces or report (daf-cnn --help says more)");
    }
    commands.at(chosen.front()->get_name())();
    if (!std::cout.flush()) return complain("cannot write to standard output", failed);
    return done;
}

}  // namespace

int main(int argc, char** argv) {
    // A file that would outgrow the limit on its size is then a failed write with a message.
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const daf_cnn::BadUse& error) {
        return complain(error.what(), bad_use);
    } catch (const std::bad_alloc&) {
        return complain("out of memory; try a smaller --batch, --limit or preset", failed);
    } catch (const std::exception& error) {
        return complain(error.what(), failed);
    }
}
