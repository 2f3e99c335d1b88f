// The words of messages: counts, lists, names of any bytes.
#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "base/median.hpp"
#include "base/text.hpp"

using daf_cnn::counted;
using daf_cnn::listed;
using daf_cnn::one_line;
using daf_cnn::shell_word;

TEST_CASE("text: one thing or several, and lists of them") {
    CHECK(counted(0, "batch", "batches") == "0 batches");
    CHECK(counted(1, "batch", "batches") == "1 batch");
    CHECK(counted(2, "batch", "batches") == "2 batches");
    CHECK(listed(std::vector<std::string>{}) == "");
    CHECK(listed(std::vector<std::string>{"a"}) == "a");
    CHECK(listed(std::array<std::string_view, 2>{"a", "b"}) == "a or b");
    CHECK(listed(std::array<std::string_view, 3>{"a", "b", "c"}) == "a, b or c");
}

TEST_CASE("text: names of any bytes on one line and in a shell") {
    CHECK(one_line("a\n\t\x1b[31m\x7f b") == "a\\n\\t\\x1b[31m\\x7f b");
    CHECK(shell_word("runs/first-1") == "runs/first-1");
    CHECK(shell_word("") == "''");
    CHECK(shell_word("it's $x") == "'it'\\''s $x'");
}

TEST_CASE("median: the one in the middle, or the mean of the two") {
    CHECK(daf_cnn::median({3}) == 3);
    CHECK(daf_cnn::median({9, 1, 2}) == 2);
    CHECK(daf_cnn::median({9, 1, 2, 4}) == 3);
}
