#pragma once
// Google Benchmark's results as one table that reads well in a terminal and in a document.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <string>

#include "peak.hpp"

namespace daf_bench {

/// Runs are named "operator/pass/threads" and report either "flop" or "bytes" as a rate; with "bytes", in
/// "size" how many of them an iteration moves.
class Table : public benchmark::BenchmarkReporter {
  public:
    bool ReportContext(const Context&) override {
        std::printf("a cache line goes from one thread to another in %.0f ns\n\n", handover_nanoseconds());
        std::printf("%-36s | %-9s | threads | %9s | %14s | of the machine's own\n", "operator", "pass", "ms",
                    "rate");
        std::printf("%s\n",
                    "-------------------------------------|-----------|---------|-----------|"
                    "----------------|---------------------");
        return true;
    }

    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            const std::string name = run.run_name.function_name;
            const std::size_t pass = name.find('/'), threads = name.rfind('/');
            const int count = std::atoi(name.c_str() + threads + 1);
            std::printf("%-36s | %-9s | %7d | %9.3f | %s\n", name.substr(0, pass).c_str(),
                        name.substr(pass + 1, threads - pass - 1).c_str(), count, run.GetAdjustedRealTime(),
                        rate(run, count).c_str());
        }
        std::fflush(stdout);
    }

  private:
    std::string rate(const Run& run, int threads) {
        char text[80];
        if (const auto flop = run.counters.find("flop"); flop != run.counters.end()) {
            auto [peak, is_new] = peaks_.try_emplace(threads);
            if (is_new) peak->second = peak_gflops(threads);
            std::snprintf(text, sizeof text, "%6.1f GFLOP/s | %4.0f %% of %.0f GFLOP/s", flop->second * 1e-9,
                          flop->second * 1e-7 / peak->second, peak->second);
        } else {
            const double bytes = run.counters.at("bytes");
            const double copied = copy_bandwidth(threads, run.counters.at("size"));
            std::snprintf(text, sizeof text, "%6.1f GB/s    | %4.0f %% of %.0f GB/s", bytes * 1e-9,
                          bytes * 1e-7 / copied, copied);
        }
        return text;
    }

    std::map<int, double> peaks_;  // GFLOP/s, by threads
};

}  // namespace daf_bench
