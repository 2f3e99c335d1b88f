#pragma once
// A pool of threads for work that is split into numbered chunks. Which thread takes which chunk depends on
// how many threads there are, and must not matter; how the work is split may only where no sum goes over
// chunks.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <daf/core/error.hpp>
#include <daf/core/shape.hpp>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace daf {

/// [first, last) of the chunk-th of `chunks` nearly equal parts of `count`.
struct Range {
    Index first, last;
    constexpr Index size() const { return last - first; }
};
constexpr Range part_of(Index count, Index chunks, Index chunk) {
    return {count * chunk / chunks, count * (chunk + 1) / chunks};
}

class ThreadPool {
  public:
    /// Work for the time in which a pool's threads have nothing better to do: start() begins it, finish()
    /// ends it. One thread uses it, the one that uses the pool.
    class Background {
      public:
        Background() = default;
        Background(const Background&) = delete;
        Background& operator=(const Background&) = delete;
        ~Background() { drop(); }

        /// Returns once nobody works on it any more; chunks that nobody has begun are dropped.
        void drop() {
            if (pool_ != nullptr) pool_->forget(*this);
        }

      private:
        friend class ThreadPool;

        ThreadPool* pool_ = nullptr;  // which helps with it
        void (*call_)(const void*, Index) = nullptr;
        const void* body_ = nullptr;
        Index chunks_ = 0;
        // Under the pool's mutex:
        Index next_ = 0;
        int helpers_ = 0;  // workers that are in one of its chunks
    };

    /// threads: how many work at once, the caller among them. Throws Error where the system has no more to
    /// give.
    explicit ThreadPool(int threads) {
        // Where threads share a core, whoever waits gives way at once.
        if (static_cast<unsigned>(threads) > std::thread::hardware_concurrency()) pauses_ = 0;
        try {
            shares_ = std::vector<Share>(static_cast<std::size_t>(std::max(threads, 1)));
            workers_.reserve(shares_.size());
            for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
        } catch (const std::exception& refused) {  // of the system's threads or memory
            const std::string started = std::to_string(this->threads());
            stop();
            throw Error("cannot start " + std::to_string(threads) + " threads: the system stopped at " +
                        started + " (" + refused.what() + "). Ask for fewer.");
        }
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { stop(); }

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    /// Whether the calling thread runs one of this pool's chunks.
    bool inside() const { return running_as() >= 0; }

    /// Calls body(chunk) or body(chunk, worker) once for every chunk in [0, chunks) and returns when all are
    /// done; worker, in [0, threads()), is for memory that chunks may share one after another. A body that
    /// throws ends the program. Called from inside a body, it runs the chunks on the calling thread, as its
    /// worker.
    template <class Body>
    void run(Index chunks, const Body& body) {
        const int me = workers_.empty() ? 0 : running_as();
        if (workers_.empty() || chunks < 2 || me >= 0) {
            for (Index chunk = 0; chunk < chunks; ++chunk) call(body, chunk, std::max(me, 0));
            return;
        }
        call_ = [](const void* b, Index chunk, int worker) {
            call(*static_cast<const Body*>(b), chunk, worker);
        };
        body_ = &body;
        open_shares_ = std::min(chunks, static_cast<Index>(shares_.size()));
        for (Index i = 0; i < open_shares_; ++i) share(i).hand_out(part_of(chunks, open_shares_, i));
        caller_ = std::this_thread::get_id();
        {
            const std::lock_guard lock(mutex_);
            members_.store(open, std::memory_order_release);
            round_.store(round_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        }
        wake_.notify_all();
        take_chunks(0);
        // Every chunk has been taken. Whoever has not joined yet is not waited for; whoever has, still works.
        members_.fetch_and(~open, std::memory_order_acq_rel);
        spin([this] { return members_.load(std::memory_order_acquire) == 0; });
        while (const std::uint32_t left = members_.load(std::memory_order_acquire)) members_.wait(left);
        caller_ = {};
    }

    /// Lets the workers call body(chunk) for the chunks in [0, chunks), in their order, whenever no round of
    /// run() has a chunk for them: a round misses a worker for one such chunk at the most, so chunks should
    /// be small. `body` must live until finish(), and must not throw. Workers help with one piece of work at
    /// a time; another that is started meanwhile waits for finish(). What `work` was still about is dropped
    /// first.
    template <class Body>
    void start(Background& work, Index chunks, const Body& body) {
        work.drop();
        work.call_ = [](const void* b, Index chunk) noexcept { (*static_cast<const Body*>(b))(chunk); };
        work.body_ = &body;
        work.chunks_ = chunks;
        work.next_ = 0;
        if (workers_.empty() || chunks < 1) return;
        {
            const std::lock_guard lock(mutex_);
            if (background_ != nullptr) return;
            background_ = &work;
            work.pool_ = this;
            background_left_.store(true, std::memory_order_relaxed);
        }
        wake_.notify_all();
    }

    /// Returns once every chunk of `work` is done: the caller runs what is left, the workers go on helping.
    void finish(Background& work) {
        for (;;) {
            Index chunk = 0;
            {
                const std::lock_guard lock(mutex_);
                if (work.next_ == work.chunks_) break;
                chunk = next_chunk(work);
            }
            work.call_(work.body_, chunk);
        }
        work.drop();
    }

  private:
    template <class Body>
    static void call(const Body& body, Index chunk, int worker) noexcept {
        if constexpr (std::is_invocable_v<const Body&, Index, int>) {
            body(chunk, worker);
        } else {
            body(chunk);
        }
    }

    /// As which worker the calling thread is running one of this pool's chunks; -1 if it is not.
    int running_as() const {
        const std::thread::id me = std::this_thread::get_id();
        const auto found = std::find_if(workers_.begin(), workers_.end(),
                                        [me](const std::thread& w) { return w.get_id() == me; });
        if (found != workers_.end()) return static_cast<int>(found - workers_.begin()) + 1;
        return me == caller_ ? 0 : -1;
    }

    /// Waits awake until done(), but not for long: it mostly comes within microseconds, and to sleep and wake
    /// takes longer. Whether it came.
    template <class Done>
    bool spin(const Done& done) const {
        for (int i = 0; i < pauses_; ++i) {
            if (done()) return true;
            relax();
        }
        // By the clock, not by turns: where other programs want the core, one yield can take milliseconds,
        // and whoever sleeps is woken at once.
        const auto enough = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
        do {
            if (done()) return true;
            std::this_thread::yield();
        } while (std::chrono::steady_clock::now() < enough);
        return done();
    }
    static void relax() {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    /// Joins the round that is open, if one is.
    bool join() {
        std::uint32_t members = members_.load(std::memory_order_relaxed);
        while ((members & open) != 0) {
            if (members_.compare_exchange_weak(members, members + 1, std::memory_order_acquire)) return true;
        }
        return false;
    }
    void leave() {
        if (members_.fetch_sub(1, std::memory_order_acq_rel) == 1) members_.notify_one();
    }

    /// A worker's share of a round: chunks that lie side by side, the same in every round of as many chunks.
    /// So a thread mostly works on what it worked on before, and what is in its core's caches need not go to
    /// another's.
    struct alignas(64) Share {
        std::atomic<Index> next{0};
        Index last = 0;

        void hand_out(Range chunks) {
            next.store(chunks.first, std::memory_order_relaxed);
            last = chunks.last;
        }
        /// The next chunk, or `last` where none is left.
        Index take() {
            if (next.load(std::memory_order_relaxed) >= last) return last;
            return std::min(next.fetch_add(1, std::memory_order_relaxed), last);
        }
    };

    /// Runs the worker's own share, then what others have not come to.
    void take_chunks(int worker) {
        for (Index i = 0; i < open_shares_; ++i) {
            Share& from = share((worker + i) % open_shares_);
            for (Index chunk; (chunk = from.take()) != from.last;) call_(body_, chunk, worker);
        }
    }
    Share& share(Index i) {
        return shares_[static_cast<std::size_t>(i)];
    }

    /// Hands out the next chunk of `work`, which has one. Under the mutex.
    Index next_chunk(Background& work) {
        const Index chunk = work.next_++;
        if (background_ == &work)
            background_left_.store(work.next_ < work.chunks_, std::memory_order_relaxed);
        return chunk;
    }

    /// A worker's help: one chunk of the background work. Whether there was one.
    bool help() {
        if (!background_left_.load(std::memory_order_relaxed)) return false;
        std::unique_lock lock(mutex_);
        if (!background_left_.load(std::memory_order_relaxed)) return false;
        Background& work = *background_;
        const Index chunk = next_chunk(work);
        ++work.helpers_;
        lock.unlock();
        work.call_(work.body_, chunk);
        lock.lock();
        if (--work.helpers_ == 0) done_.notify_one();
        return true;
    }

    /// Drops what is left of `work`, waits for the workers that are in it and forgets it.
    void forget(Background& work) {
        std::unique_lock lock(mutex_);
        work.next_ = work.chunks_;
        background_left_.store(false, std::memory_order_relaxed);
        done_.wait(lock, [&] { return work.helpers_ == 0; });
        background_ = nullptr;
        work.pool_ = nullptr;
    }

    void work(int worker) {
        std::uint64_t seen = 0;
        const auto called = [&] { return round_.load(std::memory_order_acquire) != seen; };
        for (;;) {
            while (spin([&] { return called() || background_left_.load(std::memory_order_relaxed); }) &&
                   !called())
                help();
            if (!called()) {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] {
                    return stopping_ || called() || background_left_.load(std::memory_order_relaxed);
                });
                if (stopping_) return;
                if (!called()) continue;
            }
            seen = round_.load(std::memory_order_acquire);
            if (!join()) continue;
            take_chunks(worker);
            leave();
        }
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            background_left_.store(false, std::memory_order_relaxed);
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        workers_.clear();
        if (background_ != nullptr) background_->pool_ = nullptr;
    }

    std::vector<std::thread> workers_;
    int pauses_ = 1000;  // some 25 us
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;  // of the background work
    void (*call_)(const void*, Index, int) = nullptr;
    const void* body_ = nullptr;
    std::vector<Share> shares_;            // one for each thread
    Index open_shares_ = 0;                // of the round
    std::atomic<std::uint64_t> round_{0};  // changed under the mutex
    // Of the round: how many workers take part, and whether more may join.
    static constexpr std::uint32_t open = std::uint32_t{1} << 31;
    std::atomic<std::uint32_t> members_{0};
    Background* background_ = nullptr;  // what workers help with; changed under the mutex, as the next is
    std::atomic<bool> background_left_{false};  // whether it has chunks that nobody has begun
    bool stopping_ = false;
    std::thread::id caller_;  // who waits for the round that is running
};

}  // namespace daf
