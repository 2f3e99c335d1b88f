#pragma once
// What this machine can do at most, measured here and now: the yardsticks for the operators' figures.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <daf/cpu/packet.hpp>
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

/// Nanoseconds in which a cache line goes from one thread's core to another's (daf/cpu/core_distance.hpp). 0
/// on a machine with one core.
inline double handover_nanoseconds() {
    daf::ThreadPool pool(2);
    double nanoseconds = 0;
    for (int attempt = 0; attempt < 1000 && nanoseconds == 0; ++attempt)
        nanoseconds = daf::cpu::handover_nanoseconds(pool);
    return nanoseconds;
}

}  // namespace daf_bench
