#include "base/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/text.hpp"

namespace daf_cnn {

namespace {

constexpr std::chrono::milliseconds between_drawings{100};
constexpr int bar_width = 24;

}  // namespace

Progress::Progress(int epochs, long steps, bool on_terminal)
    : epochs_(epochs), steps_(steps), on_terminal_(on_terminal) {}

bool Progress::terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

void Progress::step(int epoch, int done, int steps, double loss, double accuracy) {
    ++done_;
    const auto now = Clock::now();
    if (!on_terminal_ || (done < steps && now - last_drawn_ < between_drawings)) return;
    last_drawn_ = now;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double left = elapsed / static_cast<double>(done_) * static_cast<double>(steps_ - done_);
    const auto filled = static_cast<std::size_t>(bar_width * done / steps);
    const std::string bar = std::string(filled, '#') + std::string(bar_width - filled, '.');
    clear();
    std::cout << formatted("epoch %d/%d [%s] %d/%d  loss %.4f  accuracy %.4f  left %s", epoch, epochs_,
                           bar.c_str(), done, steps, loss, accuracy, duration_text(left).c_str())
              << std::flush;
    drawn_ = true;
}

void Progress::line(const std::string& text) {
    clear();
    std::cout << text << '\n' << std::flush;
}

void Progress::clear() {
    if (drawn_) std::cout << "\r\033[K";  // to the line's beginning, and erase it
    drawn_ = false;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<long>(std::ceil(std::max(seconds, 0.0)));
    const long hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0) return formatted("%ld:%02ld:%02ld", hours, minutes, whole % 60);
    return formatted("%ld:%02ld", minutes, whole % 60);
}

}  // namespace daf_cnn
