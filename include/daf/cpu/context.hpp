#pragma once
// The Cpu backend's context: its threads and its scratch. One thread uses a context at a time; any number of
// contexts live side by side.
#include <algorithm>
#include <daf/core/entry.hpp>
#include <daf/core/host_context.hpp>
#include <daf/cpu/core_distance.hpp>
#include <daf/cpu/split_tiles.hpp>
#include <memory>

namespace daf {

namespace folder {
struct cpu;  // daf/cpu/
}

/// How many threads a context works with, its caller among them; fewer than 1 are taken for 1.
struct Threads {
    int count = 1;
};

/// How a context computes 3x3 convolutions of stride 1. All others are direct.
enum class Convolution {
    automatic,  // whichever should be faster, by a rule in cpu/convolution.hpp
    direct,     // the most accurate
    winograd,   // fewer multiplications, on tiles that go by the layer and the batch
    split,      // float as the sum of two bf16, on the processor's matrix tiles (AMX); double goes direct.
                // Training takes it only if told to
};

/// Whether a context's threads run on cores that share a cache.
enum class Cores {
    measured,  // anew every now and then, by the time that a cache line takes from one to the other
    together,
    apart,
};

/// The processor: kernels on its threads, in Eigen's packets. It owns the threads and the scratch, which
/// grows to what the largest call needs and then stays. The bits of a result do not depend on the number of
/// threads.
class Cpu : public HostContext {
  public:
    using Folder = folder::cpu;

    /// All cores.
    Cpu() : Cpu(Threads{static_cast<int>(std::thread::hardware_concurrency())}) {}
    explicit Cpu(Threads threads)
        : pool_(std::make_unique<ThreadPool>(threads.count < 1 ? 1 : threads.count)),
          matrix_tiles_(cpu::matrix_tiles_granted()) {}

    int threads() const { return pool_->threads(); }

    /// Between the forward and the backward pass of a network it must stay the same. Throws Error for `split`
    /// where the build multiplies on matrix tiles and the system does not grant them.
    void set_convolution(Convolution algorithm) {
        if (algorithm == Convolution::split && cpu::needs_matrix_tiles && !matrix_tiles_) {
            throw Error(
                "Cpu: split: this build multiplies on matrix tiles, which the system does not grant: "
                "take Convolution::automatic");
        }
        convolution_ = algorithm;
    }
    Convolution convolution() const { return convolution_; }

    /// For threads that are pinned, or to compare. It decides how threads store what they hand to each other,
    /// and no bit of a result.
    void set_cores(Cores cores) { cores_ = cores; }
    /// Whether the threads share no cache; false for a single one. May measure it, on all threads.
    bool cores_apart() {
        if (threads() < 2 || cores_ != Cores::measured) return threads() > 1 && cores_ == Cores::apart;
        return distance_.apart(*pool_);
    }

    /// Whether this processor has matrix tiles, the system grants them and the build may use them.
    bool matrix_tiles() const { return matrix_tiles_; }

    /// body(chunk) or body(chunk, worker) for every chunk in [0, chunks), on all threads. The body must not
    /// throw.
    template <class Body>
    void parallel(Index chunks, const Body& body) {
        pool_->run(chunks, body);
    }

    /// Work that the threads do beside parallel(), when that has none for them; ThreadPool says how. A
    /// Background goes before its context does.
    using Background = ThreadPool::Background;
    template <class Body>
    void start(Background& work, Index chunks, const Body& body) {
        pool_->start(work, chunks, body);
    }
    void finish(Background& work) { pool_->finish(work); }

  private:
    std::unique_ptr<ThreadPool> pool_;
    Convolution convolution_ = Convolution::automatic;
    Cores cores_ = Cores::measured;
    cpu::CoreDistance distance_;
    bool matrix_tiles_;
};

/// Into how many parts work over `count` images is split. It decides the order of sums, so it is a function
/// of the count alone, never of the threads.
constexpr Index chunks_for(Index count) {
    return count < 16 ? count : 16;
}
/// The same for light work, of so many elementary operations an image: parts that are worth a thread's
/// waking, or one.
constexpr Index chunks_for(Index count, Index operations) {
    constexpr Index worth_waking = 16384;
    return std::clamp(count * operations / worth_waking, Index{1}, chunks_for(count));
}

/// body(n), body(n, chunk) or body(n, chunk, worker) for every image of a batch, in so many parts.
template <class Body>
void each_image(Cpu& ctx, Index count, Index chunks, const Body& body) {
    ctx.parallel(chunks, [&](Index chunk, int worker) {
        const Range images = part_of(count, chunks, chunk);
        for (Index n = images.first; n < images.last; ++n) {
            if constexpr (std::is_invocable_v<const Body&, Index>) {
                body(n);
            } else if constexpr (std::is_invocable_v<const Body&, Index, Index>) {
                body(n, chunk);
            } else {
                body(n, chunk, worker);
            }
        }
    });
}

}  // namespace daf
