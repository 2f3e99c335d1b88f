#pragma once
// Runs the real program as a user does, and keeps what it said.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/scratch_folder.hpp"

namespace daf_test {

struct Outcome {
    int status = -1;  // exit status; -1 where a signal ended it
    int signal = 0;   // which one
    std::string out;
    std::string err;

    /// Without its line feed.
    std::string last_line() const {
        const std::string text = out.substr(0, out.find_last_not_of('\n') + 1);
        return text.substr(text.rfind('\n') + 1);
    }
};

inline std::string content_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Waits until `happened()`, looking again and again; throws after a minute.
template <class Happened>
void wait_until(Happened&& happened) {
    const auto begin = std::chrono::steady_clock::now();
    while (!happened()) {
        if (std::chrono::steady_clock::now() - begin > std::chrono::minutes(1))
            throw std::runtime_error("what a test waits for does not happen");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

/// A program at work, its input empty; killed if its test does not wait for it.
class RunningProgram {
  public:
    explicit RunningProgram(std::vector<std::string> command) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        constexpr int create = O_WRONLY | O_CREAT | O_TRUNC;
        const std::string out = out_path(), err = err_path();
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), create, 0600);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), create, 0600);
        std::vector<char*> arguments;
        for (std::string& argument : command) arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        const int refused =
            ::posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (refused != 0) throw std::runtime_error("cannot start " + command[0]);
    }
    RunningProgram(const RunningProgram&) = delete;
    RunningProgram& operator=(const RunningProgram&) = delete;
    ~RunningProgram() {
        if (process_ < 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    ::pid_t process() const { return process_; }
    void send(int signal) const { ::kill(process_, signal); }
    /// What it has written to standard output.
    std::string out_so_far() const { return content_of(out_path()); }
    /// Whether it has a handler of its own for a signal.
    bool handles(int signal) const {
        std::ifstream status("/proc/" + std::to_string(process_) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("SigCgt:"))
                return std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1;
        }
        return false;
    }
    /// Its end.
    Outcome wait() {
        int state = 0;
        ::waitpid(process_, &state, 0);
        process_ = -1;
        return {WIFEXITED(state) ? WEXITSTATUS(state) : -1, WIFSIGNALED(state) ? WTERMSIG(state) : 0,
                content_of(out_path()), content_of(err_path())};
    }

  private:
    std::filesystem::path out_path() const { return folder_ / "out"; }
    std::filesystem::path err_path() const { return folder_ / "err"; }

    ScratchFolder folder_;
    ::pid_t process_ = -1;
};

inline Outcome run_command(std::vector<std::string> command) {
    return RunningProgram(std::move(command)).wait();
}

/// daf-cnn with these arguments.
inline Outcome daf_cnn(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{DAF_CNN_PROGRAM};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_command(std::move(command));
}

/// `daf-cnn train` on a few faces; `more` may repeat no option that stands here.
inline Outcome train(const std::filesystem::path& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"train", "--run", run, "--limit", "64", "--batch", "32"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return daf_cnn(arguments);
}

/// One line on standard error that begins as every message of the program does, and holds `part`.
inline bool is_one_clear_line(const std::string& err, std::string_view part) {
    return err.starts_with("daf-cnn: ") && err.find('\n') == err.size() - 1 && contains(err, part);
}

}  // namespace daf_test
