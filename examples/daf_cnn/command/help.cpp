#include "command/help.hpp"

#include <algorithm>
#include <memory>

namespace daf_cnn {

namespace {

/// Where the descriptions of options begin.
constexpr std::size_t option_column = 24;
/// And those of commands.
constexpr std::size_t command_column = 12;

/// A name, and its description in a column beside it, or below where the name is too long.
std::string entry(const std::string& name, const std::string& description, std::size_t column) {
    std::string text = "  " + name;
    if (text.size() + 2 > column) {
        text += '\n' + std::string(column, ' ');
    } else {
        text.resize(column, ' ');
    }
    return text + wrapped(description, column, 80 - column) + '\n';
}

std::string usage_of(const CLI::App& app) {
    std::string usage = "usage: ";
    if (app.get_parent() != nullptr) usage += app.get_parent()->get_name() + " ";
    usage += app.get_name();
    if (!commands_of(app).empty()) usage += " COMMAND";
    usage += " [OPTION...]";
    for (const CLI::Option* positional : positionals_of(app)) usage += " " + spelling_of(*positional);
    return usage + "\n";
}

class HelpFormat : public CLI::Formatter {
  public:
    std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
        std::string help = usage_of(*app) + wrapped(app->get_description(), 0) + ".\n";
        if (const auto commands = commands_of(*app); !commands.empty()) {
            help += "\nCommands:\n";
            for (const CLI::App* command : commands)
                help += entry(command->get_name(), command->get_description(), command_column);
        }
        if (const auto positionals = positionals_of(*app); !positionals.empty()) {
            help += "\nArguments:\n";
            for (const CLI::Option* positional : positionals)
                help += entry(spelling_of(*positional), positional->get_description(), option_column);
        }
        for (const OptionGroup& group : option_groups(*app)) {
            help += "\n" + group.heading + ":\n";
            for (const CLI::Option* option : group.options)
                help += entry(spelling_of(*option), option->get_description(), option_column);
        }
        if (!app->get_footer().empty()) help += "\n" + app->get_footer() + "\n";
        return help;
    }
};

}  // namespace

void use_help_format(CLI::App& program) {
    program.formatter(std::make_shared<HelpFormat>());
}

void place_help_flags(CLI::App& program) {
    const auto place = [](CLI::App& app) {
        CLI::Option* help = app.set_help_flag("-h,--help", "print this and exit");
        help->group(option_groups(app).front().heading);
    };
    place(program);
    for (CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) place(*command);
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
    return program.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<OptionGroup> option_groups(const CLI::App& command) {
    std::vector<OptionGroup> groups;
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional() || option->get_group().empty()) continue;  // the latter are hidden
        auto group = std::ranges::find(groups, option->get_group(), &OptionGroup::heading);
        if (group == groups.end()) group = groups.insert(group, {option->get_group(), {}});
        group->options.push_back(option);
    }
    return groups;
}

std::vector<const CLI::Option*> positionals_of(const CLI::App& command) {
    return command.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

bool is_flag(const CLI::Option& option) {
    return option.get_expected_max() == 0;
}

std::string spelling_of(const CLI::Option& option) {
    if (option.get_positional()) return option.get_type_name() + "...";
    std::string text;
    for (const std::string& name : option.get_snames()) text += "-" + name + ", ";
    text += "--" + option.get_lnames().front();
    return is_flag(option) ? text : text + " " + option.get_type_name();
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
    std::string lines;
    std::size_t used = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (used > 0 && used + 1 + word.size() > width) {
            lines += '\n' + std::string(indent, ' ');
            used = 0;
        } else if (used > 0) {
            lines += ' ';
            ++used;
        }
        lines += word;
        used += word.size();
    }
    return lines;
}

}  // namespace daf_cnn
