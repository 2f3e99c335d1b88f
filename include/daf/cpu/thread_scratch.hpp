#pragma once
// Scratch that each thread has to itself, apart from what others write.
#include <cstdint>
#include <daf/core/scratch.hpp>

namespace daf::cpu {

/// Pieces of scratch, one a thread; or one that all share.
template <class T>
class PerThread {
  public:
    explicit PerThread(T* shared = nullptr) : first_(shared) {}
    T* of(int thread) const { return first_ + thread * apart_; }

  private:
    friend class ThreadScratch;
    PerThread(T* first, Index apart) : first_(first), apart_(apart) {}

    T* first_;
    Index apart_ = 0;  // elements from one thread's to the next one's
};

/// Room in a frame for each thread's pieces, those of one thread side by side. Where they are not small, no
/// two threads' lie in the same large page: on cores that share no cache, threads that write to one wait for
/// each other, whichever lines they write (docs/what_helped.md).
class ThreadScratch {
  public:
    /// Bytes of the frame for so many threads, each of which takes `own` bytes: its pieces' scratch_size.
    static constexpr Index size(int threads, Index own) {
        const Index room = threads * apart(threads, own);
        return room == 0 ? 0 : scratch_size<std::byte>(room + (is_apart(threads, own) ? large_page : 0));
    }
    ThreadScratch(ScratchFrame& frame, int threads, Index own)
        : threads_(threads), own_(own), apart_(apart(threads, own)) {
        const Index bytes = size(threads, own);
        if (bytes == 0) return;
        base_ = frame.take<std::byte>(bytes - fence::bytes);
        fence::close(base_, bytes - fence::bytes);
        if (is_apart(threads, own)) {
            const auto begins = static_cast<Index>(reinterpret_cast<std::uintptr_t>(base_) % large_page);
            base_ += (large_page - begins) % large_page;
        }
    }

    /// Room for `count` elements for each thread, 64-byte aligned, holding anything.
    template <class T>
    PerThread<T> take(Index count) {
        const Index bytes = scratch_size<T>(count);
        if (used_ + bytes > own_) throw Error("scratch: a kernel took more than its scratch_bytes said");
        for (int i = 0; i < threads_; ++i)
            fence::open(base_ + i * apart_ + used_, count * static_cast<Index>(sizeof(T)));
        T* first = reinterpret_cast<T*>(base_ + used_);
        used_ += bytes;
        return {first, apart_ / static_cast<Index>(sizeof(T))};
    }

  private:
    static constexpr Index large_page = Index{2} << 20, small = Index{1} << 18;  // bytes
    static constexpr bool is_apart(int threads, Index own) { return threads > 1 && own > small; }
    /// From one thread's pieces to the next one's.
    static constexpr Index apart(int threads, Index own) {
        return is_apart(threads, own) ? (own + large_page - 1) / large_page * large_page : align_up(own);
    }

    int threads_;
    Index own_, apart_;
    std::byte* base_ = nullptr;
    Index used_ = 0;
};

}  // namespace daf::cpu
