#pragma once
// The typed errors of the library. Each message says what was expected, what was given and what to do.
#include <stdexcept>
#include <string>

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "daf: a NaN must be seen to be refused: give -fno-finite-math-only behind -ffast-math or -Ofast"
#endif

namespace daf {

/// Base of everything that daf throws.
class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A value handed to a call is impossible: an empty batch, a missing buffer, a label outside the classes.
class ArgumentError : public Error {
  public:
    using Error::Error;
};

/// A file cannot be opened, read, written or renamed. The message holds the path and the system's reason.
class FileError : public Error {
  public:
    using Error::Error;
};

/// A file can be read but does not hold what it should: truncated, altered, not the expected format.
class FormatError : public Error {
  public:
    using Error::Error;
};

/// A well-formed file belongs to something else: another architecture, another version.
class MismatchError : public Error {
  public:
    using Error::Error;
};

}  // namespace daf
