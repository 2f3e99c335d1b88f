#pragma once
// The Reference backend: plain loops on one thread, written to be read beside the equations. Every other backend is
// tested against it.
#include <algorithm>
#include <daf/core/entry.hpp>
#include <daf/core/scratch.hpp>

namespace daf {

namespace folder {
struct reference;  // daf/reference/
}

class Reference {
  public:
    using Folder = folder::reference;
    using Space = Host;
    using Memory = HostMemory;

    /// Scratch for what is to come; an operator's entry point asks for it by itself.
    void reserve(Index bytes) { arena_.reserve(bytes); }
    Memory allocate(Index bytes) const { return HostMemory(bytes); }
    template <class T>
    void zero(T* data, Index count) const {
        std::fill_n(data, count, T(0));
    }
    ScratchArena& arena() { return arena_; }
    ScratchFrame scratch() { return ScratchFrame(arena_); }

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
