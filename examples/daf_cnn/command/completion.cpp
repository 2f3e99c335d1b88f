// The completion of bash. What an option takes is read from its value's name: lower-case words joined by |
// are completed as they stand, FILE... as files, DIR and FOLDER as folders, and anything else not at all.
#include <cctype>
#include <map>

#include "command/help.hpp"

namespace daf_cnn {

namespace {

/// What completes the value of an option: a line of the script.
std::string value_action(const std::string& value_name) {
    std::string words;
    bool files = false, folders = false;
    for (std::size_t begin = 0; begin <= value_name.size();) {
        const std::size_t end = std::min(value_name.find('|', begin), value_name.size());
        const std::string part = value_name.substr(begin, end - begin);
        begin = end + 1;
        if (part.starts_with("FILE")) {
            files = true;
        } else if (part == "DIR" || part == "FOLDER") {
            folders = true;
        } else if (!part.empty() && std::islower(static_cast<unsigned char>(part.front())) != 0) {
            words += (words.empty() ? "" : " ") + part;
        }
    }
    std::string action;
    if (!words.empty()) action += "_daf_cnn_words '" + words + "'; ";
    if (files) action += "_daf_cnn_paths -f; ";
    if (folders && !files) action += "_daf_cnn_paths -d; ";
    return action + "return";
}

std::string names_of(const CLI::App& app) {
    std::string names;
    for (const OptionGroup& group : option_groups(app)) {
        for (const CLI::Option* option : group.options)
            names += (names.empty() ? "--" : " --") + option->get_lnames().front();
    }
    return names;
}

constexpr const char* head = R"(# bash completion for daf-cnn, written by: daf-cnn --bash-completion

# Adds those of the words $1 that begin with $word.
_daf_cnn_words() {
    local found
    mapfile -t found < <(compgen -W "$1" -- "$word")
    COMPREPLY+=("${found[@]}")
}

# Adds files (-f) or folders (-d) that begin with $word.
_daf_cnn_paths() {
    local found
    mapfile -t found < <(compgen "$1" -- "$word")
    COMPREPLY+=("${found[@]}")
    compopt -o filenames 2>/dev/null || true  # outside of a completion there are no options to set
}

_daf_cnn() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    COMPREPLY=()
    # bash makes three words of --option=value.
    if [[ $word == '=' ]]; then
        word=''
    elif [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; ++i)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
)";

}  // namespace

std::string bash_completion(const CLI::App& program) {
    const std::vector<const CLI::App*> commands = commands_of(program);
    std::string script = std::string(head) + "    case $command:$before in\n";
    std::map<std::string, std::string> patterns;  // by action, the options that it completes
    for (const CLI::App* command : commands) {
        for (const OptionGroup& group : option_groups(*command)) {
            for (const CLI::Option* option : group.options) {
                if (is_flag(*option)) continue;
                std::string& pattern = patterns[value_action(option->get_type_name())];
                pattern += (pattern.empty() ? "" : " | ") + command->get_name() + ":--" +
                           option->get_lnames().front();
            }
        }
    }
    for (const auto& [action, pattern] : patterns) script += "    " + pattern + ") " + action + " ;;\n";
    script += "    esac\n    case $command in\n    '') _daf_cnn_words '";
    for (const CLI::App* command : commands) script += command->get_name() + " ";
    script += names_of(program) + "' ;;\n";
    for (const CLI::App* command : commands) {
        script += "    " + command->get_name() + ") _daf_cnn_words '" + names_of(*command) + "'";
        for (const CLI::Option* positional : positionals_of(*command)) {
            if (positional->get_type_name().starts_with("FILE")) script += "; _daf_cnn_paths -f";
        }
        script += " ;;\n";
    }
    return script + "    esac\n}\ncomplete -F _daf_cnn daf-cnn\n";
}

}  // namespace daf_cnn
