// usage: compile_cost SECONDS MEGABYTES COMPILER ARGUMENT...
// Runs the compiler, prints what it took, and fails past either limit. The seconds are the processor's, so that other
// work on the machine does not count; the memory is that of the largest of the compiler's processes.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fputs("usage: compile_cost SECONDS MEGABYTES COMPILER ARGUMENT...\n", stderr);
        return 2;
    }
    const double most_seconds = std::atof(argv[1]), most_megabytes = std::atof(argv[2]);
    const pid_t compiler = fork();
    if (compiler == 0) {
        execvp(argv[3], argv + 3);
        std::perror(argv[3]);
        std::_Exit(127);
    }
    int status = 0;
    rusage used{};
    if (compiler < 0 || wait4(compiler, &status, 0, &used) != compiler) {
        std::perror("compile_cost");
        return 1;
    }
    if (status != 0) {
        std::fputs("compile_cost: the compiler failed\n", stderr);
        return 1;
    }
    const double taken = seconds(used.ru_utime) + seconds(used.ru_stime);
    const double megabytes = static_cast<double>(used.ru_maxrss) / 1024;
    std::printf("%.1f s of %.3g s, %.0f MB of %.0f MB\n", taken, most_seconds, megabytes, most_megabytes);
    return taken <= most_seconds && megabytes <= most_megabytes ? 0 : 1;
}
