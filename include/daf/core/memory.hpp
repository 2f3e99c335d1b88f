#pragma once
// Memory that a network owns: allocated once, 64-byte aligned. A backend's own kind is Backend::Memory.
#include <cstddef>
#include <cstdint>
#include <daf/core/alignment.hpp>
#include <daf/core/error.hpp>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace daf {

/// Host memory of a fixed size. Movable; views of it stay valid when it moves.
class HostMemory {
  public:
    HostMemory() = default;
    /// Throws ArgumentError for a negative size, Error where the system has no memory to give.
    explicit HostMemory(Index bytes) : bytes_(allocate(bytes)), size_(bytes) {}
    HostMemory(HostMemory&& other) noexcept
        : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
    HostMemory& operator=(HostMemory&& other) noexcept {
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    std::byte* data() const { return bytes_.get(); }
    Index size() const { return size_; }
    template <class T>
    T* as(Index offset = 0) const {
        return reinterpret_cast<T*>(bytes_.get() + offset);
    }

  private:
    static std::byte* allocate(Index bytes) {
        if (bytes < 0)
            throw ArgumentError("memory of " + std::to_string(bytes) + " bytes: expected 0 or more");
        try {
            const auto size = static_cast<std::size_t>(bytes);
            auto* memory = static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}));
            prefer_large_pages(memory, size);
            return memory;
        } catch (const std::bad_alloc&) {
            throw Error("out of memory: " + std::to_string(bytes) +
                        " bytes are not to be had. Use a smaller batch or network.");
        }
    }
    /// A pass over many streams of a large block misses the processor's table of pages less often. A wish
    /// that the system may refuse.
    static void prefer_large_pages([[maybe_unused]] std::byte* memory, [[maybe_unused]] std::size_t size) {
#if defined(__linux__)
        constexpr std::size_t page = 4096, worth_it = std::size_t{4} << 20;
        if (size < worth_it) return;
        const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(memory) % page) % page;
        static_cast<void>(::madvise(memory + before, (size - before) / page * page, MADV_HUGEPAGE));
#endif
    }
    struct Free {
        void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{alignment}); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
    Index size_ = 0;
};

}  // namespace daf
