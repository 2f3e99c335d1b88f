// The manual page, in man(7)'s language.
#include <daf/core/version.hpp>

#include "command/help.hpp"

namespace daf_cnn {

namespace {

/// Text for a line of roff: its dashes are those of a command line, and nothing in it is a request.
std::string roff(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '-' || c == '\\') escaped += '\\';
        escaped += c == '\\' ? 'e' : c;
        if (c == '\n') escaped += "\\&";
    }
    return "\\&" + escaped;
}

std::string entry(const CLI::Option& option) {
    const std::string spelling = spelling_of(option);
    return ".TP\n\\fB" + roff(spelling) + "\\fR\n" + roff(option.get_description()) + ".\n";
}

std::string verbatim(const std::string& text) {
    return ".PP\n.nf\n" + roff(text) + "\n.fi\n";
}

std::string section(const CLI::App& command) {
    std::string page = ".SS " + roff(command.get_name()) + "\n" + roff(command.get_description()) + ".\n";
    for (const CLI::Option* positional : positionals_of(command)) page += entry(*positional);
    for (const OptionGroup& group : option_groups(command)) {
        page += ".PP\n\\fI" + roff(group.heading) + "\\fR\n";
        for (const CLI::Option* option : group.options) page += entry(*option);
    }
    if (!command.get_footer().empty()) page += verbatim(command.get_footer());
    return page;
}

constexpr const char* rest = R"(.SH FILES
What a run of
.B train
or
.B finetune
leaves in its folder:
.TP
.I config.json
every option's value; \-\-config repeats the run from it.
.TP
.I metrics.jsonl
one line of JSON an epoch.
.TP
.I best.safetensors
the model of the best validation accuracy.
.TP
.I last.safetensors
the newest state, from which \-\-resume goes on to the same bits.
.PP
.B ablate
leaves such a folder for each variant and seed, and the comparison in
.IR ablation.json .
.SH EXIT STATUS
.TP
.B 0
done.
.TP
.B 1
the work failed; one line on standard error says why.
.TP
.B 2
bad use: an option is unknown, impossible or acts in vain.
.TP
.B 130
stopped by a signal after saving.
)";

}  // namespace

std::string manual_page(const CLI::App& program) {
    // No date: the version says what the page is about.
    std::string page = ".TH DAF\\-CNN 1 \"\" \"daf " + std::string(daf::version_string) +
                       "\" \"User Commands\"\n.SH NAME\ndaf\\-cnn \\- " + roff(program.get_description()) +
                       "\n.SH SYNOPSIS\n";
    const std::vector<const CLI::App*> commands = commands_of(program);
    for (const CLI::App* command : commands) {
        if (command != commands.front()) page += ".br\n";
        page += "\\fBdaf\\-cnn " + roff(command->get_name()) + "\\fR [\\fIOPTION\\fR...]";
        for (const CLI::Option* positional : positionals_of(*command))
            page += " \\fI" + roff(spelling_of(*positional)) + "\\fR";
        page += '\n';
    }
    page += ".SH OPTIONS\n";
    for (const OptionGroup& group : option_groups(program)) {
        for (const CLI::Option* option : group.options) page += entry(*option);
    }
    if (!program.get_footer().empty()) page += verbatim(program.get_footer());
    page += ".SH COMMANDS\n";
    for (const CLI::App* command : commands) page += section(*command);
    return page + rest;
}

}  // namespace daf_cnn
