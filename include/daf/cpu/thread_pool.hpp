#pragma once
// A pool of threads for work that is split into numbered chunks. How the work is split never depends on how many
// threads there are; which thread takes which chunk does, and must not matter.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <daf/core/shape.hpp>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace daf {

class ThreadPool {
  public:
    /// threads: how many work at once, the caller among them.
    explicit ThreadPool(int threads) {
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    /// Calls body(chunk) or body(chunk, worker) once for every chunk in [0, chunks) and returns when all are done;
    /// worker, in [0, threads()), is for memory that chunks may share one after another. The body must not throw.
    /// Called from inside a body, it runs the chunks on the calling thread.
    template <class Body>
    void run(Index chunks, const Body& body) {
        if (workers_.empty() || chunks < 2 || inside()) {
            for (Index chunk = 0; chunk < chunks; ++chunk) call(body, chunk, 0);
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            call_ = [](const void* b, Index chunk, int worker) {
                call(*static_cast<const Body*>(b), chunk, worker);
            };
            body_ = &body;
            chunks_ = chunks;
            next_.store(0, std::memory_order_relaxed);
            busy_ = static_cast<int>(workers_.size());
            caller_ = std::this_thread::get_id();
            ++round_;
            announced_.store(round_, std::memory_order_release);
        }
        wake_.notify_all();
        take_chunks(0);
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return busy_ == 0; });
        caller_ = {};
    }

  private:
    template <class Body>
    static void call(const Body& body, Index chunk, int worker) {
        if constexpr (std::is_invocable_v<const Body&, Index, int>) {
            body(chunk, worker);
        } else {
            body(chunk);
        }
    }

    void take_chunks(int worker) {
        for (;;) {
            const Index chunk = next_.fetch_add(1, std::memory_order_relaxed);
            if (chunk >= chunks_) return;
            call_(body_, chunk, worker);
        }
    }

    /// Whether the calling thread is running one of this pool's chunks.
    bool inside() const {
        const std::thread::id me = std::this_thread::get_id();
        return me == caller_ || std::any_of(workers_.begin(), workers_.end(),
                                            [me](const std::thread& w) { return w.get_id() == me; });
    }

    void work(int worker) {
        std::uint64_t seen = 0;
        for (;;) {
            // The next round mostly follows within microseconds; sleeping and waking costs more than that.
            for (int spin = 0; spin < 2000 && announced_.load(std::memory_order_acquire) == seen; ++spin) {
                std::this_thread::yield();
            }
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
                if (stopping_) return;
                seen = round_;
            }
            take_chunks(worker);
            const std::lock_guard lock(mutex_);
            if (--busy_ == 0) done_.notify_one();
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    void (*call_)(const void*, Index, int) = nullptr;
    const void* body_ = nullptr;
    Index chunks_ = 0;
    std::atomic<Index> next_{0};
    std::atomic<std::uint64_t> announced_{0};
    std::uint64_t round_ = 0;
    int busy_ = 0;
    bool stopping_ = false;
    std::thread::id caller_;  // who waits for the round that is running
};

}  // namespace daf
