#pragma once
// What this machine can do at most, measured here and now: the yardsticks for the operators' figures.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <daf/cpu/gemm.hpp>
#include <daf/daf.hpp>
#include <thread>
#include <vector>

namespace daf_bench {

using daf::Index;

/// The shortest of a few runs, in seconds.
template <class Body>
double fastest(int runs, const Body& body) {
    double best = 1e9;
    for (int run = 0; run < runs; ++run) {
        const auto start = std::chrono::steady_clock::now();
        body();
        best =
            std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

/// GFLOP/s of `threads` cores at once: multiplications and additions of floats in as many registers as a
/// product's sums would have.
inline double peak_gflops(int threads) {
    using P = daf::cpu::Packet<float>;
    constexpr int registers = daf::cpu::accumulators;
    constexpr Index steps = 1 << 20;
    daf::Cpu cpu(daf::Threads{threads});
    std::vector<float> kept(static_cast<std::size_t>(threads) * 64);
    const double seconds = fastest(20, [&] {
        cpu.parallel(threads, [&](Index chunk) {
            P acc[registers];
            const P factor = daf::cpu::packet::pset1<P>(0.999F), term = daf::cpu::packet::pset1<P>(1e-3F);
            // Different numbers, or the compiler finds out that one sum is another.
            for (int r = 0; r < registers; ++r) acc[r] = daf::cpu::packet::pset1<P>(static_cast<float>(r));
            for (Index step = 0; step < steps; ++step) {
                daf::cpu::detail::unroll<registers>(
                    [&](auto r) { acc[r] = daf::cpu::packet::pmadd(acc[r], factor, term); });
            }
            for (const P& a : acc) {  // else the compiler leaves the work out
                float* at = kept.data() + chunk * 64;
                daf::cpu::packet::pstoreu(at, daf::cpu::packet::padd(daf::cpu::packet::ploadu<P>(at), a));
            }
        });
    });
    return 2.0 * registers * static_cast<double>(daf::cpu::lanes<float> * steps * threads) / seconds * 1e-9;
}

/// GB/s, read and written, of `threads` cores that copy so that `bytes` move: from and to whichever cache, or
/// memory, work of that size lives in.
inline double copy_bandwidth(int threads, double bytes) {
    const std::size_t half = std::max(static_cast<std::size_t>(bytes / 2), std::size_t{64});
    daf::Cpu cpu(daf::Threads{threads});
    std::vector<char> from(half, 1), to(half);
    const double seconds = fastest(20, [&] {
        cpu.parallel(threads, [&](Index chunk) {
            const auto [first, last] = daf::part_of(static_cast<Index>(half), threads, chunk);
            std::memcpy(to.data() + first, from.data() + first, static_cast<std::size_t>(last - first));
        });
    });
    return 2.0 * static_cast<double>(half) / seconds * 1e-9;
}

/// Nanoseconds in which a cache line goes from one thread's core to another's: some 30 where the two share a
/// last cache, 100 and more where they do not. 0 on a machine with one core.
inline double handover_nanoseconds() {
    if (std::thread::hardware_concurrency() < 2) return 0;
    constexpr int rounds = 5000;
    std::atomic<int> turn{0};
    const auto take_turns = [&](int first) {
        for (int i = first; i < 2 * rounds; i += 2) {
            while (turn.load(std::memory_order_acquire) != i) {
            }
            turn.store(i + 1, std::memory_order_release);
        }
    };
    std::atomic<bool> ready{false};
    std::thread other([&] {
        ready = true;
        take_turns(1);
    });
    while (!ready) {
    }
    const double seconds = fastest(1, [&] { take_turns(0); });
    other.join();
    return seconds * 1e9 / (2 * rounds);
}

}  // namespace daf_bench
