#pragma once
// Scratch: memory that a kernel needs only while it runs. A context owns one arena; a kernel takes pieces of
// it through a frame and gives them back at its end. Nothing is allocated once the arena is large enough. In
// builds with AddressSanitizer a fence lies behind every piece of host memory.
#include <cstddef>
#include <daf/core/call.hpp>
#include <daf/core/error.hpp>
#include <daf/core/fence.hpp>
#include <daf/core/memory.hpp>
#include <span>
#include <string>
#include <type_traits>

namespace daf {

/// Scratch in one kind of memory: HostMemory, or a GPU's.
template <class Memory>
class BasicScratchArena {
  public:
    /// Makes `bytes` available above what open frames hold. Only an arena without open frames may grow.
    void reserve(Index bytes) {
        if (used_ + bytes <= memory_.size()) return;
        if (used_ > 0) {
            throw Error(std::string("scratch: an operator asked for ") + std::to_string(bytes) +
                        " bytes inside another one whose scratch_bytes did not count them; or two threads "
                        "use one context: give each its own");
        }
        memory_ = {};  // before the new one: never both at once
        memory_ = Memory(bytes);
        close(0, bytes);
    }

    Index capacity() const { return memory_.size(); }
    /// The whole arena, for tests that poison it.
    std::span<std::byte> memory() const {
        if constexpr (fenced) fence::open(memory_.data(), memory_.size());
        return {memory_.data(), static_cast<std::size_t>(memory_.size())};
    }

  private:
    template <class>
    friend class BasicScratchFrame;
    static constexpr bool fenced = std::is_same_v<Memory, HostMemory>;

    void close(Index first, Index bytes) const {
        if constexpr (fenced) fence::close(memory_.data() + first, bytes);
    }

    Memory memory_;
    Index used_ = 0;
};

/// Bytes that take<T>(count) uses: what scratch_bytes adds up.
template <class T>
constexpr Index scratch_size(Index count) {
    return align_up(count * static_cast<Index>(sizeof(T))) + fence::bytes;
}

/// Pieces of one size, taken one after another.
template <class T>
class ScratchPieces {
  public:
    ScratchPieces() = default;
    T* operator[](Index i) const { return first_ + i * apart_; }

  private:
    template <class>
    friend class BasicScratchFrame;
    ScratchPieces(T* first, Index apart) : first_(first), apart_(apart) {}

    T* first_ = nullptr;
    Index apart_ = 0;  // elements from one piece to the next
};

/// Pieces of an arena, given back when the frame ends.
template <class Memory>
class BasicScratchFrame {
  public:
    explicit BasicScratchFrame(BasicScratchArena<Memory>& arena) : arena_(arena), start_(arena.used_) {}
    BasicScratchFrame(const BasicScratchFrame&) = delete;
    BasicScratchFrame& operator=(const BasicScratchFrame&) = delete;
    ~BasicScratchFrame() {
        arena_.close(start_, arena_.used_ - start_);
        arena_.used_ = start_;
    }

    /// Room for `count` elements, 64-byte aligned, holding anything.
    template <class T>
    T* take(Index count) {
        const Index bytes = scratch_size<T>(count);
        if (arena_.used_ + bytes > arena_.memory_.size()) {
            throw Error("scratch: a kernel took more than its scratch_bytes said");
        }
        T* at = arena_.memory_.template as<T>(arena_.used_);
        arena_.close(arena_.used_, bytes);
        if constexpr (BasicScratchArena<Memory>::fenced)
            fence::open(at, count * static_cast<Index>(sizeof(T)));
        arena_.used_ += bytes;
        return at;
    }
    /// `pieces` times room for `count` elements: pieces * scratch_size<T>(count) bytes.
    template <class T>
    ScratchPieces<T> take_pieces(Index pieces, Index count) {
        static_assert(alignment % sizeof(T) == 0);
        T* first = nullptr;
        for (Index i = 0; i < pieces; ++i) {
            T* piece = take<T>(count);
            if (i == 0) first = piece;
        }
        return {first, scratch_size<T>(count) / static_cast<Index>(sizeof(T))};
    }

  private:
    BasicScratchArena<Memory>& arena_;
    Index start_;
};

using ScratchArena = BasicScratchArena<HostMemory>;
using ScratchFrame = BasicScratchFrame<HostMemory>;

/// Bytes that saved_or_scratch takes in eval.
template <Operator Op, class T>
constexpr Index saved_scratch_size(Index count) {
    return scratch_size<std::byte>(saved_bytes<Op, T>(count));
}

/// Where a forward kernel writes what Op saves: the caller's memory, or in eval, where nothing is kept,
/// scratch.
template <Operator Op, Mode M, class T, class Space, class Memory>
SavedOf<Op, T, Space> saved_or_scratch(const ForwardCall<Op, M, T, Space>& call,
                                       BasicScratchFrame<Memory>& frame) {
    if constexpr (M == Mode::train) {
        return call.saved;
    } else {
        return bind_saved<Op, T, Space>(frame.template take<std::byte>(saved_bytes<Op, T>(call.count())),
                                        call.count());
    }
}

}  // namespace daf
