#pragma once
// What SIGINT (Ctrl-C), SIGTERM and SIGHUP (a terminal that is gone) do to a command that trains.
#include <array>
#include <csignal>
#include <stdexcept>
#include <string>

namespace daf_cnn {

/// A signal stopped the program, and what it had done is saved: exit status 130.
class Stopped : public std::runtime_error {
  public:
    /// what: "stopped by SIGINT in epoch 3, batch 17 of 54: saved in DIR".  go_on: the command that goes on.
    Stopped(std::string what, const std::string& go_on)
        : std::runtime_error(what + "; go on with: " + go_on), without_command(std::move(what)) {}

    std::string without_command;  // for a caller that knows a better one
};

/// The exit status of a command that a signal has stopped.
inline constexpr int stopped_status = 130;

/// "SIGINT"
std::string signal_name(int signal);

namespace detail {

/// A handler for the signals that ask to stop, until the end of its scope. Signals that were ignored before
/// (by nohup, say) stay ignored.
class StopHandler {
  public:
    explicit StopHandler(void (*handler)(int));
    ~StopHandler();
    StopHandler(const StopHandler&) = delete;
    StopHandler& operator=(const StopHandler&) = delete;

  private:
    static constexpr std::array<int, 3> signals{SIGINT, SIGTERM, SIGHUP};
    std::array<struct ::sigaction, signals.size()> before_{};
};

}  // namespace detail

/// While it lives, a signal ends the program at once, with one line and exit status 130: for work that loses
/// nothing by it.
class StopAtOnce {
  public:
    StopAtOnce();

  private:
    detail::StopHandler handler_;
};

/// While it lives, the first signal is only noted, for work that saves before it stops. A second one takes
/// the system's default action, which ends the program at once; one that comes within 0.1 s is the first
/// one's echo, since `timeout`, for one, sends twice. Scopes of this class do not nest.
class StopWhenSaved {
  public:
    StopWhenSaved();
    /// The signal that came; 0 if none has.
    int signal() const;

  private:
    detail::StopHandler handler_;
};

}  // namespace daf_cnn
