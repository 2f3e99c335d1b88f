#include "command/parsing.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/option.hpp"
#include "base/text.hpp"
#include "command/help.hpp"

namespace daf_cnn {

namespace {

using Words = std::span<const std::string>;

/// "expected a command: train, eval or bench"
std::string expected_command(const CLI::App& program) {
    std::vector<std::string> names;
    for (const CLI::App* command : commands_of(program)) names.push_back(command->get_name());
    return "expected a command: " + listed(names);
}

/// The words behind one command, in their order.
class Checked {
  public:
    Checked(CLI::App& app, Words words) : app_(app), words_(words) {}

    /// Throws BadUse for the first word that cannot stand where it stands.
    void check() {
        while (at_ < words_.size()) {
            const std::string& word = words_[at_++];
            if (word == "--") {
                for (; at_ < words_.size(); ++at_) check_argument(words_[at_]);
            } else if (word.size() > 1 && word.front() == '-') {
                check_option(word);
            } else {
                check_argument(word);
            }
        }
        // CLI11 would take "[a,b]" for two words where it does not know how many there are.
        if (arguments_ > 0) {
            app_.get_option(positionals_of(app_).front()->get_name())
                ->expected(arguments_)
                ->allow_extra_args(false);
        }
    }

  private:
    std::string called() const {
        return app_.get_parent() == nullptr ? app_.get_name()
                                            : app_.get_parent()->get_name() + " " + app_.get_name();
    }
    [[noreturn]] void refuse(const std::string& what) const {
        throw BadUse(what + " (" + called() + " --help says more)");
    }

    void check_argument(const std::string& word) {
        if (positionals_of(app_).empty())
            refuse("'" + word + "': " + called() + " takes no word that is no option");
        ++arguments_;
    }

    void check_option(const std::string& word) {
        const std::size_t sign = word.find('=');
        const std::string name = word.substr(0, sign);
        const CLI::Option* option = app_.get_option_no_throw(name);
        if (option == nullptr || option->get_positional())
            refuse(name + ": " + called() + " has no such option");
        if (is_flag(*option)) {
            if (sign != std::string::npos)
                refuse(name + ": expected no value, but was given '" + word.substr(sign + 1) + "'");
            return;
        }
        // --run="$RUN" of an empty RUN: CLI11 would take the next word for its value.
        if (sign + 1 == word.size()) {
            throw BadUse(name +
                         ": expected a value behind the '=', but found nothing; give one, or leave the "
                         "option out");
        }
        if (sign == std::string::npos && at_ == words_.size())
            refuse(name + ": expected a value, " + option->get_type_name() + ", but found the end");
        const std::string value = sign == std::string::npos ? words_[at_++] : word.substr(sign + 1);
        if (const auto [before, first] = values_.emplace(option, value); !first)
            refuse(name + ": expected one value, but was given '" + before->second + "' and '" + value + "'");
    }

    CLI::App& app_;
    Words words_;
    std::size_t at_ = 0;
    int arguments_ = 0;
    std::map<const CLI::Option*, std::string> values_;
};

}  // namespace

void parse(CLI::App& program, int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    std::size_t options = 0;  // before the command
    while (options < words.size() && words[options].starts_with('-')) ++options;
    Checked(program, Words(words).first(options)).check();
    if (options < words.size()) {
        const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
        const auto command = std::ranges::find(commands, words[options], &CLI::App::get_name);
        if (command == commands.end()) {
            throw BadUse(expected_command(program) + ", but was given '" + words[options] +
                         "' (daf-cnn --help says more)");
        }
        Checked(**command, Words(words).subspan(options + 1)).check();
    }
    program.parse(argc, argv);
}

const CLI::App& chosen_command(const CLI::App& program) {
    const auto chosen = program.get_subcommands();
    if (chosen.empty()) throw BadUse(expected_command(program) + " (daf-cnn --help says more)");
    return *chosen.front();
}

}  // namespace daf_cnn
