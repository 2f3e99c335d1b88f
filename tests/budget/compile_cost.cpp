// usage: compile_cost SECONDS MEGABYTES YARDSTICK COMPILER ARGUMENT... UNIT
// Compiles UNIT, prints what it took, and exits with 1 past either limit. The seconds are the processor's, so
// that other programs' turns do not count; the memory is that of the largest of the compiler's processes.
//
// The same compiler takes twice as long on one machine as on another, and where neighbours share its caches.
// So the limit is in seconds of the machine for which it was set: YARDSTICK, compiled before and after UNIT,
// tells how much slower this one is. A faster machine is not held to less than SECONDS. Neighbours that come
// and go between the yardstick and UNIT can only add to what it takes, so one that is past its limit is
// measured again, three times at most.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

/// Of yardstick.cpp where budgets were set: AMD Zen 4, g++ 12.2, quiet. Not measured there, but estimated: a
/// unit of daf's that took 38.5 s there took 7 times as long as the yardstick on another machine.
constexpr double yardstick_seconds = 5.5;

struct Cost {
    double seconds, megabytes;
};

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

Cost cost_of(char** command) {
    const pid_t compiler = fork();
    if (compiler == 0) {
        execvp(command[0], command);
        std::perror(command[0]);
        std::_Exit(127);
    }
    int status = 0;
    rusage used{};
    if (compiler < 0 || wait4(compiler, &status, 0, &used) != compiler) {
        std::perror("compile_cost");
        std::exit(2);
    }
    if (status != 0) {
        std::fputs("compile_cost: the compiler failed\n", stderr);
        std::exit(2);
    }
    return {seconds(used.ru_utime) + seconds(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::fputs("usage: compile_cost SECONDS MEGABYTES YARDSTICK COMPILER ARGUMENT... UNIT\n", stderr);
        return 2;
    }
    const double most_seconds = std::atof(argv[1]), most_megabytes = std::atof(argv[2]);
    char** command = argv + 4;
    char*& source = argv[argc - 1];
    char* const unit = source;

    const auto compile = [&](char* file) {
        source = file;
        return cost_of(command);
    };

    double before = compile(argv[3]).seconds;
    for (int measurement = 0; measurement < 3; ++measurement) {
        const Cost cost = compile(unit);
        const double after = compile(argv[3]).seconds;
        const double slowness = std::max(1.0, (before + after) / 2 / yardstick_seconds);
        const double most_here = most_seconds * slowness;
        std::printf(
            "%.1f s of %.3g s, %.0f MB of %.0f MB; the yardstick took %.1f and %.1f s, so %.3g s here\n",
            cost.seconds, most_seconds, cost.megabytes, most_megabytes, before, after, most_here);
        if (cost.megabytes > most_megabytes) return 1;
        if (cost.seconds <= most_here) return 0;
        before = after;
    }
    return 1;
}
