#pragma once
// Figures that a user sets at run time: a rate, a margin. What cannot be is an ArgumentError that names whose
// it is, the figure and what was expected.
#include <array>
#include <charconv>
#include <cmath>
#include <daf/core/error.hpp>
#include <string>

namespace daf::detail {

/// As short as it can be read back: -1e-09 is not -0.000000.
inline std::string text_of(double value) {
    std::array<char, 32> text;
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// Throws ArgumentError unless `fits`.
inline void check_figure(bool fits, const char* whose, const char* name, const char* expected, double value) {
    if (fits) return;
    throw ArgumentError(std::string(whose) + ": " + name + " must be " + expected + ", but is " +
                        text_of(value));
}
inline void check_finite(const char* whose, const char* name, double value) {
    check_figure(std::isfinite(value), whose, name, "a finite number", value);
}
/// A number from 0 on that is not infinite.
inline void check_amount(const char* whose, const char* name, double value) {
    check_figure(value >= 0 && std::isfinite(value), whose, name, "a finite number from 0 on", value);
}
/// A share that is not the whole: what a running mean keeps, what dropout drops.
inline void check_share(const char* whose, const char* name, double value) {
    check_figure(value >= 0 && value < 1, whose, name, "in [0, 1)", value);
}

}  // namespace daf::detail
