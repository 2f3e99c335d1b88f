#pragma once
// The version of the library, and the only place where it stands: CMake and pkg-config read it from here.
#include <string_view>

namespace daf {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

/// "major.minor.patch"
inline constexpr std::string_view version_string = "0.1.0";

}  // namespace daf
