// The progress line: drawn over itself on a terminal, absent elsewhere.
#include <doctest/doctest.h>

#include <iostream>
#include <sstream>

#include "base/progress.hpp"
#include "support/scratch_folder.hpp"

namespace {

using daf_cnn::duration_text;
using daf_cnn::Progress;
using daf_test::contains;

/// What is written to standard output until the end of its scope.
class Captured {
  public:
    Captured() : before_(std::cout.rdbuf(text_.rdbuf())) {}
    ~Captured() { std::cout.rdbuf(before_); }
    std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::streambuf* before_;
};

std::string shown(bool on_terminal) {
    const Captured captured;
    Progress progress(2, 8, on_terminal);
    progress.step(1, 1, 4, 1.5, 0.25);
    progress.step(1, 4, 4, 1.25, 0.5);
    progress.line("epoch 1 done");
    return captured.text();
}

}  // namespace

TEST_CASE("progress: on a terminal a line with bar, figures and time left, gone before the next whole line") {
    const std::string text = shown(true);
    CHECK(contains(text, "epoch 1/2 [######..................] 1/4  loss 1.5000  accuracy 0.2500  left 0:0"));
    CHECK(contains(text, "[########################] 4/4  loss 1.2500  accuracy 0.5000"));
    CHECK(text.ends_with("\r\033[Kepoch 1 done\n"));
}

TEST_CASE("progress: elsewhere whole lines alone") {
    CHECK(shown(false) == "epoch 1 done\n");
}

TEST_CASE("progress: durations") {
    CHECK(duration_text(0) == "0:00");
    CHECK(duration_text(64.2) == "1:05");
    CHECK(duration_text(7384) == "2:03:04");
}
