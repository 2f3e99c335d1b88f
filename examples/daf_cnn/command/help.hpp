#pragma once
// What --help prints, and what the manual page and the completion of bash are made of: one description of the
// command line, CLI11's, in three forms.
#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace daf_cnn {

/// Prepares `program`, before its commands are added, to print help of at most 80 columns: usage, what it
/// does, its commands, its options under their headings, examples.
void use_help_format(CLI::App& program);
/// After they are added: --help stands last under the first heading of each.
void place_help_flags(CLI::App& program);

/// The program's commands in the order of --help.
std::vector<const CLI::App*> commands_of(const CLI::App& program);
/// The options of a command, under their headings in order; positional arguments are not among them.
struct OptionGroup {
    std::string heading;
    std::vector<const CLI::Option*> options;
};
std::vector<OptionGroup> option_groups(const CLI::App& command);
std::vector<const CLI::Option*> positionals_of(const CLI::App& command);

/// Whether it takes no value.
bool is_flag(const CLI::Option& option);
/// "--margin N", "-h, --help", "FILE..."
std::string spelling_of(const CLI::Option& option);

/// The text in lines of at most `width` columns, each line but the first indented.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 80);

/// A manual page for man(1).
std::string manual_page(const CLI::App& program);
/// A script for bash: completes commands, options, their words, files and folders.
std::string bash_completion(const CLI::App& program);

}  // namespace daf_cnn
