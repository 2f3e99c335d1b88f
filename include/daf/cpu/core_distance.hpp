#pragma once
// Whether a pool's threads run on cores that share a cache. It decides how they store what they hand to each
// other, and no bit.
#include <chrono>
#include <daf/cpu/thread_pool.hpp>

namespace daf::cpu {

/// Nanoseconds in which a cache line goes from one of the pool's threads to the next, round all of them: 30
/// to 60 where they share a cache, 150 and more where they do not. 0 where they did not all run at the same
/// time.
inline double handover_nanoseconds(ThreadPool& pool) {
    const int threads = pool.threads();
    if (threads < 2 || pool.inside()) return 0;
    using Clock = std::chrono::steady_clock;
    const int first_timed = 4, rounds = first_timed + std::max(64 / threads, 2);
    const auto deadline = Clock::now() + std::chrono::microseconds(100 + 4 * threads);  // some may be asleep
    Clock::time_point begin, end = Clock::time_point::min();
    struct alignas(64) {
        std::atomic<int> taken{0};
    } turns;
    struct alignas(64) {
        std::atomic<bool> by_one{false};
    } given_up;
    const auto wait_for = [&](int turn) {
        for (int spins = 1; turns.taken.load(std::memory_order_acquire) != turn; ++spins) {
            if (given_up.by_one.load(std::memory_order_relaxed)) return false;
            if (spins % 256 == 0 && Clock::now() > deadline)
                given_up.by_one.store(true, std::memory_order_relaxed);
        }
        return true;
    };
    pool.run(threads, [&](Index thread) {
        for (int round = 0; round <= rounds; ++round) {
            const int turn = round * threads + static_cast<int>(thread);
            if (!wait_for(turn)) return;
            if (thread == 0 && round == first_timed) begin = Clock::now();
            if (thread == 0 && round == rounds) end = Clock::now();
            turns.taken.store(turn + 1, std::memory_order_release);
        }
    });
    if (end == Clock::time_point::min()) return 0;
    return std::chrono::duration<double, std::nano>(end - begin).count() / ((rounds - first_timed) * threads);
}

/// Whether a line that takes so long goes between cores that share no cache.
constexpr bool between_caches(double nanoseconds) {
    return nanoseconds > 110;
}

/// Measured anew now and then: systems move threads from core to core, and virtual processors move too.
class CoreDistance {
  public:
    /// Whether the pool's cores share no cache. Measuring takes some 15 us for two threads, every tenth of a
    /// second. Where not all threads ran in time, which costs 100 us and 4 a thread, the next try comes after
    /// 20 ms, then after 40, up to that tenth.
    bool apart(ThreadPool& pool) {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) return apart_;
        const double nanoseconds = handover_nanoseconds(pool);
        if (nanoseconds > 0) apart_ = between_caches(nanoseconds);
        failures_ = nanoseconds > 0 ? 0 : std::min(failures_ + 1, 5);
        next_ = now + std::chrono::milliseconds(failures_ > 0 ? 20 * failures_ : 100);
        return apart_;
    }

  private:
    bool apart_ = false;
    int failures_ = 0;  // since the last that came about, five at the most
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace daf::cpu
