// --help, the manual page and the completion of bash: one command line in three forms.
#include <doctest/doctest.h>

#include <algorithm>
#include <daf/core/version.hpp>
#include <sstream>

#include "run_program.hpp"
#include "training/ablation.hpp"
#include "training/train_config.hpp"

namespace {

using daf_test::contains;
using daf_test::content_of;
using daf_test::Outcome;
using daf_test::run_command;
using daf_test::ScratchFolder;

std::string printed(const std::vector<std::string>& arguments) {
    const Outcome outcome = daf_test::daf_cnn(arguments);
    REQUIRE(outcome.status == 0);
    CHECK(outcome.err.empty());
    return outcome.out;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// The first words of the lines under "Commands:".
std::vector<std::string> commands() {
    std::vector<std::string> names;
    bool inside = false;
    for (const std::string& line : lines_of(printed({"--help"}))) {
        if (inside && line.empty()) break;
        if (inside && line[2] != ' ') names.push_back(line.substr(2, line.find(' ', 2) - 2));
        inside = inside || line == "Commands:";
    }
    return names;
}

/// "--margin" of every option that a command's help lists.
std::vector<std::string> options_of(const std::string& command) {
    std::vector<std::string> names;
    for (const std::string& line : lines_of(printed({command, "--help"}))) {
        if (!line.starts_with("  -")) continue;
        const auto begin = line.find("--");
        names.push_back(line.substr(begin, line.find(' ', begin) - begin));
    }
    return names;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
    return std::ranges::find(words, word) != words.end();
}

/// The section of a command in the manual page.
std::string manual_of(const std::string& command) {
    const std::string page = printed({"--man"});
    const auto begin = page.find("\n.SS \\&" + command + "\n");
    REQUIRE(begin != std::string::npos);
    return page.substr(begin, page.find("\n.S", begin + 1) - begin);
}

/// What bash offers for the last of these words.
std::vector<std::string> offered(const std::vector<std::string>& words, const std::string& folder = ".") {
    std::string array;
    for (const std::string& word : words) array += " '" + word + "'";
    const Outcome outcome =
        run_command({"bash", "-c",
                     "cd \"$1\" && source <(\"$0\" --bash-completion) && COMP_WORDS=(daf-cnn" + array +
                         ") COMP_CWORD=" + std::to_string(words.size()) +
                         " && _daf_cnn && printf '%s\\n' \"${COMPREPLY[@]}\"",
                     DAF_CNN_PROGRAM, folder});
    CHECK(outcome.err.empty());
    auto lines = lines_of(outcome.out);
    std::erase(lines, "");
    return lines;
}

}  // namespace

TEST_CASE("help: every command's fits 80 columns, and says its usage first") {
    const auto names = commands();
    for (const char* name : {"train", "finetune", "ablate", "report", "eval", "predict", "faces", "bench"})
        CHECK(has(names, name));
    CHECK(names.front() == "train");
    for (const std::string& name : names) {
        CAPTURE(name);
        const std::string help = printed({name, "--help"});
        CHECK(help.starts_with("usage: daf-cnn " + name + " [OPTION...]"));
        CHECK(contains(help, "Example"));
        CHECK(contains(help, "print this and exit"));
        for (const std::string& line : lines_of(help)) {
            CAPTURE(line);
            CHECK(line.size() <= 80);
            CHECK_FALSE(line.ends_with(' '));
            CHECK_FALSE(contains(line, "[false]"));
        }
    }
    for (const std::string& line : lines_of(printed({"--help"}))) CHECK(line.size() <= 80);
}

TEST_CASE("help: every training option stands under a heading of train, finetune and ablate") {
    daf_cnn::AblationConfig ablation;
    daf_cnn::TrainConfig training;
    const auto check = [&](const char* command, auto& config) {
        const std::string help = printed({command, "--help"});
        const auto options = options_of(command);
        daf_cnn::for_each_option(config, [&](const daf_cnn::Option& option, const auto&) {
            CAPTURE(option.name);
            CHECK(has(options, "--" + std::string(option.name)));
            CHECK(option.group != "Options");
            CHECK(contains(help, "\n" + std::string(option.group) + ":\n"));
        });
    };
    check("train", training);
    check("finetune", training);
    check("ablate", ablation);
    CHECK_FALSE(has(options_of("ablate"), "--attention"));
    CHECK(contains(printed({"train", "--help"}), "[sfew for a folder of images]"));
    CHECK_FALSE(contains(printed({"finetune", "--help"}), "[sfew for a folder of images]"));
}

TEST_CASE("help: the manual page has every command and option, and is clean") {
    for (const std::string& name : commands()) {
        const std::string section = manual_of(name);
        for (std::string option : options_of(name)) {
            CAPTURE(name);
            CAPTURE(option);
            for (std::size_t at = 0; (at = option.find('-', at)) != std::string::npos; at += 2)
                option.insert(at, "\\");
            CHECK(contains(section, option));
        }
    }
    // It is as old as its version: a date of its own would tell otherwise.
    const ScratchFolder folder;
    const std::string page = folder.file("daf-cnn.1", printed({"--man"}));
    CHECK(
        contains(content_of(page), ".TH DAF\\-CNN 1 \"\" \"daf " + std::string(daf::version_string) + "\""));
    if (run_command({"sh", "-c", "command -v mandoc"}).status == 0) {
        const Outcome lint =
            run_command({"sh", "-c", "mandoc -Tlint -Wwarning \"$0\" | grep -v 'missing date'", page});
        CHECK(lint.out == "");
    }
    if (run_command({"sh", "-c", "command -v man"}).status == 0) {
        const Outcome shown = run_command({"sh", "-c", "MANWIDTH=80 man -l \"$0\" | col -b", page});
        CHECK(shown.err == "");
        CHECK(contains(shown.out, "EXIT STATUS"));
        CHECK(contains(shown.out, "--first-centres"));
    }
}

TEST_CASE("help: the manual page and the completion are of the whole program, and take no command") {
    const auto refused = [](const std::vector<std::string>& arguments, const std::string& part) {
        const Outcome outcome = daf_test::daf_cnn(arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.status == 2);
        CHECK(daf_test::is_one_clear_line(outcome.err, part));
        CHECK(outcome.out == "");
    };
    refused({"--man", "train"},
            "--man: it is about all commands and takes none, but was given 'train'; leave that out, or see "
            "daf-cnn train --help");
    refused({"--bash-completion", "train", "--epochs", "3"}, "--bash-completion: it is about all commands");
    refused({"--man", "--bash-completion"}, "--man: expected it alone, but was given --bash-completion too");
}

TEST_CASE("help: bash completes commands, options, their words, files and folders") {
    const auto names = commands();
    for (const std::string& name : names) {
        CHECK(has(offered({""}), name));
        const auto options = offered({name, "--"});
        for (const std::string& option : options_of(name)) {
            CAPTURE(option);
            CHECK(has(options, option));
        }
        CHECK(options.size() == options_of(name).size());
    }
    using Words = std::vector<std::string>;
    CHECK(offered({"fin"}) == Words{"finetune"});
    CHECK(offered({"train", "--preset", ""}) == Words{"paper", "half", "lite"});
    CHECK(offered({"train", "--epochs", "3", "--optimizer", "s"}) == Words{"sgd"});
    CHECK(offered({"train", "--preset", "=", "li"}) == Words{"lite"});
    CHECK(offered({"train", "--preset", "="}) == Words{"paper", "half", "lite"});
    CHECK(offered({"train", "--margin", ""}).empty());                     // a number
    CHECK(offered({"train", "--resume", "--pres"}) == Words{"--preset"});  // a flag takes none

    const ScratchFolder folder;
    folder.file("two words.csv", "");
    folder.file("gene.csv", "");
    std::filesystem::create_directory(folder / "genes");
    const std::string here = folder.path();
    CHECK(offered({"eval", "--weights", "two"}, here) == Words{"two words.csv"});
    CHECK(offered({"predict", "--threads", "2", "two"}, here) == Words{"two words.csv"});
    CHECK(offered({"train", "--run", "gene"}, here) == Words{"genes"});
    const auto data = offered({"train", "--data", "gene"}, here);
    for (const char* word : {"generated", "gene.csv", "genes"}) CHECK(has(data, word));
}

TEST_CASE("help: what cannot be written is a failure, whatever was asked for") {
    for (const char* option : {"--man", "--bash-completion", "--help", "--version", "train --help"}) {
        CAPTURE(option);
        const Outcome full =
            run_command({"sh", "-c", "\"$0\" " + std::string(option) + " >/dev/full", DAF_CNN_PROGRAM});
        CHECK(full.status == 1);
        CHECK(daf_test::is_one_clear_line(full.err, "cannot write to standard output"));
    }
}
