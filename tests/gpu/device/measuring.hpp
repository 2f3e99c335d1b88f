#pragma once
// Times on a device, each beside a copy's of as many bytes: rows of a table in Markdown.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <daf/gpu/context.cuh>
#include <memory>
#include <string>
#include <vector>

#include "../../support/noise.hpp"

namespace daf_test {

using daf::Index;

/// Memory with numbers in it, as long as the program measures: a stretch of them over and over. Zeros would
/// take less power to move, and a device be faster with them.
template <class T>
class Numbers {
  public:
    Numbers(daf::Gpu& gpu, Index count) : memory_(gpu.allocate(count * Index{sizeof(T)})), count_(count) {
        const Index drawn = std::min<Index>(count, 1 << 18);
        const std::vector<T> stretch = noise<T>(drawn, 1);
        gpu.copy_in(data(), stretch.data(), drawn);
        for (Index at = drawn; at < count; at += at) gpu.copy(data() + at, data(), std::min(at, count - at));
    }

    T* data() const { return memory_.template as<T>(); }
    template <class S>
    daf::Batch<S, T, daf::Device> batch() const {
        return {data(), count_ / S::size};
    }
    daf::DeviceSlab<T> slab() const { return {data(), static_cast<std::size_t>(count_)}; }

  private:
    daf::DeviceMemory memory_;
    Index count_;
};

/// The device's own clock.
class Stopwatch {
  public:
    /// Microseconds of one of so many runs of what `work` queues.
    template <class Work>
    double time(const daf::Gpu& gpu, int runs, const Work& work) const {
        record(begin_, gpu);
        for (int i = 0; i < runs; ++i) work();
        record(end_, gpu);
        gpu.wait();
        float milliseconds = 0;
        daf::gpu::check_cuda(cudaEventElapsedTime(&milliseconds, begin_.get(), end_.get()),
                             "cudaEventElapsedTime");
        return static_cast<double>(milliseconds) * 1e3 / runs;
    }

  private:
    struct Destroy {
        void operator()(cudaEvent_t event) const { static_cast<void>(cudaEventDestroy(event)); }
    };
    using Event = std::unique_ptr<CUevent_st, Destroy>;
    static Event made() {
        cudaEvent_t event = nullptr;
        daf::gpu::check_cuda(cudaEventCreateWithFlags(&event, cudaEventDefault), "cudaEventCreate");
        return Event(event);
    }
    static void record(const Event& event, const daf::Gpu& gpu) {
        daf::gpu::check_cuda(cudaEventRecord(event.get(), gpu.stream()), "cudaEventRecord");
    }
    Event begin_ = made(), end_ = made();
};

/// How thoroughly: on fibers everything once.
struct Effort {
    int turns;
    double warm_up, turn;  // microseconds
};
inline constexpr Effort thorough{5, 200e3, 10e3}, quick{1, 0, 0};

/// Measures work and prints it.
class Table {
  public:
    /// A row may have `largest` bytes to move. Warms the device up: its clocks rise under load alone.
    Table(daf::Gpu& gpu, const Effort& effort, Index largest)
        : gpu_(gpu), effort_(effort), from_(gpu, largest / 8 + 1), to_(gpu, largest / 8 + 1) {
        using Clock = std::chrono::steady_clock;
        const auto begin = Clock::now();
        do {
            copy(largest);
            gpu_.wait();
        } while (std::chrono::duration<double, std::micro>(Clock::now() - begin).count() < effort.warm_up);
    }
    static void head(const std::string& what) {
        std::printf("\n| %s | us | GB/s | a copy's | of a copy |\n|---|---|---|---|---|\n", what.c_str());
    }
    /// `bytes`: how many the work has to read and write at least.
    template <class Work>
    void row(const std::string& name, double bytes, const Work& work) {
        const auto copying = [&] { copy(static_cast<Index>(bytes)); };
        const auto [us, of_copy] = in_turns(work, copying);
        std::printf("| %s | %.1f | %.0f | %.0f | %.2f |\n", name.c_str(), us, bytes / us / 1e3,
                    bytes / of_copy / 1e3, of_copy / us);
    }
    void row_of_copy(const std::string& name, double bytes) {
        row(name, bytes, [&] { copy(static_cast<Index>(bytes)); });
    }
    /// Microseconds alone.
    template <class Work>
    double time(const Work& work) {
        return in_turns(work, work)[0];
    }

  private:
    /// Reads half of the bytes and writes the other half, as floats.
    void copy(Index bytes) const { gpu_.copy(to_.data(), from_.data(), bytes / 8); }

    int runs_in_a_turn(double us) const {
        return static_cast<int>(std::clamp(effort_.turn / std::max(us, 1.0), 1.0, 1000.0));
    }
    /// The medians of both, which take turns, so that the same clocks and temperature are theirs.
    template <class Work, class Copy>
    std::array<double, 2> in_turns(const Work& work, const Copy& copying) {
        if (effort_.turns > 1) work();  // scratch grows, code is loaded
        const int runs = runs_in_a_turn(watch_.time(gpu_, 1, work)),
                  copies = runs_in_a_turn(watch_.time(gpu_, 1, copying));
        std::vector<double> of_work, of_copy;
        for (int turn = 0; turn < effort_.turns; ++turn) {
            of_work.push_back(watch_.time(gpu_, runs, work));
            of_copy.push_back(watch_.time(gpu_, copies, copying));
        }
        const auto median = [](std::vector<double>& times) {
            std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
            return times[times.size() / 2];
        };
        return {median(of_work), median(of_copy)};
    }

    daf::Gpu& gpu_;
    Effort effort_;
    Numbers<float> from_, to_;
    Stopwatch watch_;
};

}  // namespace daf_test
