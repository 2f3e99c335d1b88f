#pragma once
// A pool of threads for work that is split into numbered chunks. How the work is split never depends on how many
// threads there are; which thread takes which chunk does, and must not matter.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <daf/core/error.hpp>
#include <daf/core/shape.hpp>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace daf {

class ThreadPool {
  public:
    /// threads: how many work at once, the caller among them. Throws Error where the system has no more to give.
    explicit ThreadPool(int threads) {
        try {
            for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
        } catch (const std::system_error& refused) {
            const std::string started = std::to_string(threads_started());
            stop();
            throw Error("cannot start " + std::to_string(threads) + " threads: the system stopped at " +
                        started + " (" + refused.what() + "). Ask for fewer.");
        }
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { stop(); }

    int threads() const { return threads_started(); }

    /// Calls body(chunk) or body(chunk, worker) once for every chunk in [0, chunks) and returns when all are done;
    /// worker, in [0, threads()), is for memory that chunks may share one after another. A body that throws ends the
    /// program. Called from inside a body, it runs the chunks on the calling thread, as its worker.
    template <class Body>
    void run(Index chunks, const Body& body) {
        const int me = workers_.empty() ? 0 : running_as();
        if (workers_.empty() || chunks < 2 || me >= 0) {
            for (Index chunk = 0; chunk < chunks; ++chunk) call(body, chunk, std::max(me, 0));
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
            caller_ = std::this_thread::get_id();
            open_ = true;
            ++round_;
            announced_.store(round_, std::memory_order_release);
        }
        wake_.notify_all();
        take_chunks(0);
        // Every chunk has been taken. Whoever has not joined yet is not waited for; whoever has, still works.
        std::unique_lock lock(mutex_);
        open_ = false;
        done_.wait(lock, [this] { return joined_ == 0; });
        caller_ = {};
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

    int threads_started() const { return static_cast<int>(workers_.size()) + 1; }

    /// As which worker the calling thread is running one of this pool's chunks; -1 if it is not.
    int running_as() const {
        const std::thread::id me = std::this_thread::get_id();
        if (me == caller_) return 0;
        const auto found = std::find_if(workers_.begin(), workers_.end(),
                                        [me](const std::thread& w) { return w.get_id() == me; });
        return found == workers_.end() ? -1 : static_cast<int>(found - workers_.begin()) + 1;
    }

    void take_chunks(int worker) {
        for (;;) {
            const Index chunk = next_.fetch_add(1, std::memory_order_relaxed);
            if (chunk >= chunks_) return;
            call_(body_, chunk, worker);
        }
    }

    void work(int worker) {
        std::uint64_t seen = 0;
        for (;;) {
            // The next round mostly follows within microseconds; sleeping and waking costs more than that.
            for (int spin = 0; spin < 200 && announced_.load(std::memory_order_acquire) == seen; ++spin) {
                std::this_thread::yield();
            }
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
                if (stopping_) return;
                seen = round_;
                if (!open_) continue;
                ++joined_;
            }
            take_chunks(worker);
            const std::lock_guard lock(mutex_);
            if (--joined_ == 0) done_.notify_one();
        }
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        workers_.clear();
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
    int joined_ = 0;     // workers that take part in the round
    bool open_ = false;  // workers may still join it
    bool stopping_ = false;
    std::thread::id caller_;  // who waits for the round that is running
};

}  // namespace daf
