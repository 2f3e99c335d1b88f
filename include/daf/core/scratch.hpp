#pragma once
// Scratch: memory that a kernel needs only while it runs. A context owns one arena; a kernel takes pieces of it
// through a frame and gives them back when the frame ends. Nothing is allocated once the arena is large enough.
#include <cstddef>
#include <daf/core/call.hpp>
#include <daf/core/error.hpp>
#include <daf/core/memory.hpp>
#include <span>
#include <string>

namespace daf {

class ScratchArena {
  public:
    /// Makes `bytes` available above what open frames hold. Only an arena without open frames may grow.
    void reserve(Index bytes) {
        if (used_ + bytes <= memory_.size()) return;
        if (used_ > 0) {
            throw Error(std::string("scratch: an operator asked for ") + std::to_string(bytes) +
                        " bytes inside another one whose scratch_bytes did not count them");
        }
        memory_ = {};  // before the new one: never both at once
        memory_ = HostMemory(bytes);
    }

    Index capacity() const { return memory_.size(); }
    /// The whole arena, for tests that poison it.
    std::span<std::byte> memory() const { return {memory_.data(), static_cast<std::size_t>(memory_.size())}; }

  private:
    friend class ScratchFrame;
    HostMemory memory_;
    Index used_ = 0;
};

/// Bytes that take<T>(count) uses: what scratch_bytes adds up.
template <class T>
constexpr Index scratch_size(Index count) {
    return align_up(count * static_cast<Index>(sizeof(T)));
}

class ScratchFrame {
  public:
    explicit ScratchFrame(ScratchArena& arena) : arena_(arena), start_(arena.used_) {}
    ScratchFrame(const ScratchFrame&) = delete;
    ScratchFrame& operator=(const ScratchFrame&) = delete;
    ~ScratchFrame() { arena_.used_ = start_; }

    /// Room for `count` elements, 64-byte aligned, holding anything.
    template <class T>
    T* take(Index count) {
        const Index bytes = scratch_size<T>(count);
        if (arena_.used_ + bytes > arena_.memory_.size()) {
            throw Error("scratch: a kernel took more than its scratch_bytes said");
        }
        T* at = arena_.memory_.as<T>(arena_.used_);
        arena_.used_ += bytes;
        return at;
    }

  private:
    ScratchArena& arena_;
    Index start_;
};

/// Where a forward kernel writes what Op saves: the caller's memory, or in eval, where nothing is kept, scratch of
/// saved_bytes<Op, T>(count).
template <Operator Op, Mode M, class T, class Space>
SavedOf<Op, T, Space> saved_or_scratch(const ForwardCall<Op, M, T, Space>& call, ScratchFrame& frame) {
    if constexpr (M == Mode::train) {
        return call.saved;
    } else {
        return bind_saved<Op, T, Space>(frame.take<std::byte>(saved_bytes<Op, T>(call.count())),
                                        call.count());
    }
}

}  // namespace daf
