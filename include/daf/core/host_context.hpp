#pragma once
// What every context that works on host memory has: its scratch, and the moves between memories, which here
// are none.
#include <algorithm>
#include <daf/core/scratch.hpp>

namespace daf {

class HostContext {
  public:
    using Space = Host;
    using Memory = HostMemory;

    /// Scratch for what is to come; an operator's entry point asks for it by itself.
    void reserve(Index bytes) { arena_.reserve(bytes); }
    ScratchFrame scratch() { return ScratchFrame(arena_); }
    /// The scratch itself, for tests that poison it.
    ScratchArena& arena() { return arena_; }

    Memory allocate(Index bytes) const { return HostMemory(bytes); }
    template <class T>
    void zero(T* data, Index count) const {
        std::fill_n(data, count, T(0));
    }

    /// Between two places of the context's memory, from host memory into it, and back: here the same.
    template <class T>
    void copy(T* to, const T* from, Index count) const {
        std::copy_n(from, count, to);
    }
    template <class T>
    void copy_in(T* to, const T* from_host, Index count) const {
        copy(to, from_host, count);
    }
    template <class T>
    void copy_out(T* to_host, const T* from, Index count) const {
        copy(to_host, from, count);
    }

    /// Nothing is queued: what was called has been done.
    void wait() const {}

    /// Free: host memory is where the context works already.
    template <AnyShape S, class T>
    Batch<S, T, Host> upload(Batch<S, T, Host> x) const {
        return x;
    }
    template <AnyShape S, class T>
    Batch<S, T, Host> download(Batch<S, T, Host> x) const {
        return x;
    }

  private:
    ScratchArena arena_;
};

}  // namespace daf
