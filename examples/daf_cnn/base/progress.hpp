#pragma once
// What a person sees while a network learns: a moving line with the time left on a terminal, whole lines
// elsewhere.
#include <chrono>
#include <string>

namespace daf_cnn {

class Progress {
  public:
    /// epochs: the last one's number.  steps: in all that is still to do.
    Progress(int epochs, long steps, bool on_terminal);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Whether standard output is a terminal.
    static bool terminal();

    /// After a step: `done` of the `steps` of an epoch, with the epoch's mean figures so far.
    void step(int epoch, int done, int steps, double loss, double accuracy);
    /// A line that stays.
    void line(const std::string& text);

  private:
    using Clock = std::chrono::steady_clock;
    void clear();

    int epochs_;
    long steps_;
    long done_ = 0;
    bool on_terminal_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_drawn_{};
};

/// "1:05", "2:03:04"
std::string duration_text(double seconds);

}  // namespace daf_cnn
