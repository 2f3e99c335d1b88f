#pragma once
// A GPU's grid of threads on the CPU, for tests: every thread of a block is a fiber, and the blocks of a
// launch run one after another. The order in which fibers and blocks take turns is drawn from a seed.
// It finds
//   a missing barrier         shared memory starts as NaNs, order varies; ThreadSanitizer names both lines
//   a divergent barrier       KernelFault: who waits where
//   shared out of bounds      KernelFault from canaries behind it; AddressSanitizer names the line
//   blocks that share output  results depend on the seed; ThreadSanitizer names both lines
#include <cstdint>
#include <cstring>
#include <daf/gpu/block.hpp>
#include <memory>
#include <stdexcept>
#include <type_traits>

namespace daf_test {

using daf::Index;

/// A kernel broke a rule of the machine that no sanitizer knows.
class KernelFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct Fiber;
class FiberScheduler;

/// The BlockContext of a fiber.
class FiberBlock {
  public:
    FiberBlock(Fiber& fiber, Index thread, Index threads, Index block, Index blocks)
        : fiber_(&fiber), thread_(thread), threads_(threads), block_(block), blocks_(blocks) {}

    Index thread() const { return thread_; }
    Index threads() const { return threads_; }
    Index block() const { return block_; }
    Index blocks() const { return blocks_; }
    void sync() const;
    template <class T>
    T shuffle_xor(T value, unsigned mask) const {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
        std::uint64_t word = 0;
        std::memcpy(&word, &value, sizeof value);
        word = exchange(word, mask);
        std::memcpy(&value, &word, sizeof value);
        return value;
    }

  private:
    std::uint64_t exchange(std::uint64_t word, unsigned mask) const;

    Fiber* fiber_;
    Index thread_, threads_, block_, blocks_;
};
static_assert(daf::gpu::BlockContext<FiberBlock>);

/// A kernel whose type is forgotten.
struct KernelBody {
    const void* kernel;
    void (*run)(const void* kernel, const FiberBlock&, void* shared);
    Index threads;
    std::size_t shared_bytes;

    template <class Kernel>
    static KernelBody of(const Kernel& kernel) {
        using Shared = typename Kernel::Shared;
        static_assert(std::is_trivially_default_constructible_v<Shared>, "it starts holding anything");
        static_assert(Kernel::threads % daf::gpu::warp_size == 0, "whole warps");
        return {&kernel,
                [](const void* self, const FiberBlock& block, void* shared) {
                    (*static_cast<const Kernel*>(self))(block, *static_cast<Shared*>(shared));
                },
                static_cast<Index>(Kernel::threads), sizeof(Shared)};
    }
};

class FiberGrid {
  public:
    FiberGrid();
    ~FiberGrid();

    /// Draws the order of what comes from a new seed.
    void seed(std::uint64_t value);

    /// Runs kernel(block, shared) on every thread of `blocks` blocks. Throws KernelFault; the grid stays
    /// usable.
    template <class Kernel>
    void launch(Index blocks, const Kernel& kernel) {
        run(blocks, KernelBody::of(kernel));
    }
    void run(Index blocks, const KernelBody& body);

  private:
    std::unique_ptr<FiberScheduler> scheduler_;
};

}  // namespace daf_test
