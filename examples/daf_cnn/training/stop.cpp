#include "training/stop.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

namespace daf_cnn {

namespace {

// A handler can reach nothing but what is global; it may run on any thread of the program, on two at once.
std::atomic<int> noted_signal{0};
std::atomic<std::int64_t> noted_at{0};  // in nanoseconds; 0 before the first signal
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

constexpr std::int64_t echo = 100'000'000;

const char* name_of(int signal) {
    return signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "SIGHUP";
}

std::int64_t nanoseconds() {
    struct ::timespec now {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Standard error as it was when the first StopAtOnce was made: while pictures are read, it leads to nowhere
/// (data/picture.cpp).
std::atomic<int> standard_error{-1};

void keep_standard_error() {
    if (standard_error < 0) standard_error = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

/// Writes as much of a text to standard error as the system takes: there is nobody left to tell.
void say(const char* text) {
    const int kept = standard_error;
    [[maybe_unused]] const ::ssize_t written =
        ::write(kept < 0 ? STDERR_FILENO : kept, text, std::strlen(text));
}

// Both handlers call only what POSIX allows in one.

void end_at_once(int signal) {
    say("daf-cnn: stopped by ");
    say(name_of(signal));
    say("; all that was trained is saved\n");
    ::_exit(stopped_status);
}

void note(int signal) {
    const int before_errno = errno;
    const std::int64_t now = nanoseconds();
    std::int64_t first = 0;
    if (noted_at.compare_exchange_strong(first, now)) {
        noted_signal = signal;
    } else if (now - first > echo) {
        ::signal(signal, SIG_DFL);
        ::raise(signal);  // takes effect when this handler returns
    }
    errno = before_errno;
}

}  // namespace

std::string signal_name(int signal) {
    return name_of(signal);
}

namespace detail {

StopHandler::StopHandler(void (*handler)(int)) {
    struct ::sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < signals.size(); ++i) {
        ::sigaction(signals[i], nullptr, &before_[i]);
        if (before_[i].sa_handler != SIG_IGN) ::sigaction(signals[i], &action, nullptr);
    }
}

StopHandler::~StopHandler() {
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before_[i], nullptr);
}

}  // namespace detail

StopAtOnce::StopAtOnce() : handler_((keep_standard_error(), &end_at_once)) {}

StopWhenSaved::StopWhenSaved() : handler_((noted_signal = 0, noted_at = 0, &note)) {}

int StopWhenSaved::signal() const {
    return noted_signal;
}

}  // namespace daf_cnn
