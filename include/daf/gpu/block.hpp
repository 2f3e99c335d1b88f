#pragma once
// What a kernel sees of the machine it runs on: one thread's place in a block of threads. Kernels are
// functors over it, so that the same source runs on a GPU (CudaBlock in launch.cuh) and, in tests, as fibers
// on the CPU.
//
//   struct Kernel {
//       static constexpr unsigned threads = 128;           // of a block, a multiple of warp_size
//       static constexpr unsigned blocks_at_once = 2;      // that a multiprocessor should have
//                                                          // registers for; may be left out
//       struct Shared { ... };                             // what a block's threads share; it starts
//                                                          // holding anything
//       ...pointers and sizes...
//       template <gpu::BlockContext B>
//       DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const;
//   };
//
// Kernels are templates of the element type alone and take their sizes at run time: shapes select, they do
// not multiply code. None uses atomics: one thread owns each sum, or partial sums are joined in an order that
// the sizes fix, so that results have the same bits every time.
#include <concepts>
#include <cstdint>
#include <daf/core/host_device.hpp>
#include <daf/core/shape.hpp>
#include <limits>

// Before a loop, what nvcc does not do by itself.
#if defined(__CUDA_ARCH__)
/// It leaves the loop as it is: enough is on its way, and unrolling would cost registers.
#define DAF_KEEP_LOOP _Pragma("unroll 1")
/// It unrolls a loop that indexes registers, also with a barrier in it.
#define DAF_UNROLL_LOOP _Pragma("unroll")
#else
#define DAF_KEEP_LOOP
#define DAF_UNROLL_LOOP
#endif

namespace daf::gpu {

/// Threads that exchange values without shared memory.
inline constexpr Index warp_size = 32;

/// A thread's view of its block.
///   thread() of threads()         its number in the block
///   block() of blocks()           the block's number in the launch
///   sync()                        no thread goes on before all are here; what they wrote before, all see
///                                 afterwards. Every thread of the block must come.
///   shuffle_xor(value, mask)      the value of lane (own lane ^ mask) of the warp. Every lane must come.
template <class B>
concept BlockContext = requires(const B block, float value, unsigned mask) {
    { block.thread() } -> std::same_as<Index>;
    { block.threads() } -> std::same_as<Index>;
    { block.block() } -> std::same_as<Index>;
    { block.blocks() } -> std::same_as<Index>;
    block.sync();
    { block.shuffle_xor(value, mask) } -> std::same_as<float>;
};

/// A kernel that shares nothing.
struct NothingShared {};

// ---- What a warp finds out together; every lane learns it ------------------------------------------------

template <BlockContext B>
DAF_HOST_DEVICE Index lane_of(const B& block) {
    return block.thread() % warp_size;
}
template <BlockContext B>
DAF_HOST_DEVICE Index warp_of(const B& block) {
    return block.thread() / warp_size;
}
template <BlockContext B>
DAF_HOST_DEVICE Index warps_of(const B& block) {
    return block.threads() / warp_size;
}

/// The sum of the lanes' values. Pairs are added in a fixed order.
template <BlockContext B, class T>
DAF_HOST_DEVICE T warp_sum(const B& block, T value) {
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) value += block.shuffle_xor(value, mask);
    return value;
}

// std::numeric_limits has functions, which a kernel may not call; these are constants.
inline constexpr double minus_infinity = -std::numeric_limits<double>::infinity();
inline constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

template <class T>
DAF_HOST_DEVICE bool is_nan(T value) {
    return value != value;
}

/// A value and where it stands.
template <class T>
struct Found {
    T value;
    std::int32_t at;  // negative: nothing found yet

    DAF_HOST_DEVICE bool empty() const { return at < 0; }
};

/// Whether the first beats the second as a maximum: the larger, of equals the earlier. A NaN is larger than
/// any number, so that it comes out.
template <class T>
DAF_HOST_DEVICE bool is_larger(Found<T> first, Found<T> second) {
    if (first.empty() || second.empty()) return !first.empty();
    if (is_nan(first.value) != is_nan(second.value)) return is_nan(first.value);
    if (first.value > second.value) return true;
    return !(first.value < second.value) && first.at < second.at;
}

/// The same as a minimum; a NaN is smaller than any number.
template <class T>
DAF_HOST_DEVICE bool is_smaller(Found<T> first, Found<T> second) {
    return is_larger(Found<T>{-first.value, first.at}, Found<T>{-second.value, second.at});
}

/// The largest of what the lanes found.
template <BlockContext B, class T>
DAF_HOST_DEVICE Found<T> warp_largest(const B& block, Found<T> mine) {
    for (unsigned mask = warp_size / 2; mask > 0; mask /= 2) {
        const Found<T> other{block.shuffle_xor(mine.value, mask), block.shuffle_xor(mine.at, mask)};
        if (is_larger(other, mine)) mine = other;
    }
    return mine;
}

/// The sum of all threads' values, known to every thread. `partial` has room for one number a warp; all
/// threads have passed a barrier before it is written and after it is read.
template <BlockContext B, class T>
DAF_HOST_DEVICE T block_sum(const B& block, T value, T* partial) {
    const T of_warp = warp_sum(block, value);
    block.sync();
    if (lane_of(block) == 0) partial[warp_of(block)] = of_warp;
    block.sync();
    T sum = 0;
    for (Index warp = 0; warp < warps_of(block); ++warp) sum += partial[warp];
    block.sync();
    return sum;
}

/// to += sum, rounded once.
template <class T>
DAF_HOST_DEVICE void add_sum(T& to, double sum) {
    to = static_cast<T>(static_cast<double>(to) + sum);
}

}  // namespace daf::gpu
