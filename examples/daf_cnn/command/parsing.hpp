#pragma once
// The words of the command line on their way to CLI11: checked in their order first, so that messages name
// the first word at fault.
#include <CLI/CLI.hpp>

namespace daf_cnn {

/// Parses the command line; the program's commands and options have been added. Throws BadUse for what is no
/// command, option or value, and what CLI11 throws, CLI::Success for --help and --version.
void parse(CLI::App& program, int argc, char** argv);

/// The command that was chosen. Throws BadUse if there is none.
const CLI::App& chosen_command(const CLI::App& program);

}  // namespace daf_cnn
