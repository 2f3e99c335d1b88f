# shellcheck shell=bash
# What scripts/demo and scripts/test share; sourced by them. The scripts know Debian and Ubuntu; elsewhere they
# leave the packages to you. Each takes one option, --no-install.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Prints the head of the script and ends it, unless its arguments are understood.
check_usage() {
    if (($# == 0)) || [[ $# == 1 && $1 == --no-install ]]; then return; fi
    sed -n '2,/^[^#]/s/^# //p' "scripts/${0##*/}"
    if [[ $1 == --help ]]; then exit 0; else exit 2; fi
}

# The first g++ that is new enough; $CXX if it is set.
find_compiler() {
    local candidate
    for candidate in ${CXX:-g++ g++-14 g++-13 g++-12}; do
        if [[ -n ${CXX-} ]] || (($("$candidate" -dumpversion 2>/dev/null | cut -d. -f1) + 0 >= 12)); then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Ubuntu 22.04 means version 11 when it says g++.
compiler_package() {
    local VERSION_ID=
    # shellcheck disable=SC1091
    [[ ! -r /etc/os-release ]] || . /etc/os-release
    if [[ $VERSION_ID == 22.04 ]]; then echo g++-12; else echo g++; fi
}

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The packages that this machine lacks, one a line. A tool may come from anywhere, a library is a package.
missing_packages() {
    local package
    find_compiler >/dev/null || compiler_package
    command -v cmake >/dev/null || echo cmake
    command -v ninja >/dev/null || echo ninja-build
    command -v pkg-config >/dev/null || echo pkg-config
    for package in libeigen3-dev libcli11-dev nlohmann-json3-dev libopencv-core-dev libopencv-imgproc-dev \
        libopencv-imgcodecs-dev doctest-dev libbenchmark-dev libboost-context-dev; do
        installed "$package" || echo "$package"
    done
}

# Says what is missing and installs it. usage: install_missing_packages [--no-install]
install_missing_packages() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        say "No apt-get here: README.md lists what has to be installed."
        return
    fi
    local packages
    mapfile -t packages < <(missing_packages)
    if ((${#packages[@]} == 0)); then
        say "Every package is there."
        return
    fi
    say "Missing packages: ${packages[*]}"

    local as_root=() install=(apt-get install -y --no-install-recommends "${packages[@]}")
    if ((EUID != 0)); then as_root=(sudo); fi
    if [[ ${1-} == --no-install ]] || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
        die "Install them as root, then run this again:" "  apt-get update && ${install[*]}"
    fi
    say "Installing them with apt-get"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"
}

# usage: at_least 3.25 3.22.1  fails
at_least() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

# Runs a workflow of CMakePresets.json, `demo` or `test`; before CMake 3.25, which has no workflows, its steps.
run_workflow() {
    CXX=$(find_compiler) || die "No g++ of version 12 or later was found: install one, or set CXX."
    export CXX
    if at_least 3.25 "$(cmake --version | sed -n '1s/^cmake version //p')"; then
        cmake --workflow --preset "$1"
        return
    fi
    cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release || return
    case $1 in
        demo) cmake --build build/release --target run_demo ;;
        test) cmake --build build/release &&
            ctest --test-dir build/release --output-on-failure --no-tests=error -j 2 ;;
    esac
}
