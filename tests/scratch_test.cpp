#include <doctest/doctest.h>

#include <daf/core/scratch.hpp>
#include <daf/cpu/thread_scratch.hpp>

#include "support/allocations.hpp"

TEST_CASE("memory that cannot be had is refused in words, and what has moved away is empty") {
    CHECK_THROWS_WITH_AS(daf::HostMemory(-1), "memory of -1 bytes: expected 0 or more", daf::ArgumentError);
    if (!daf_test::sanitizer_owns_malloc()) {
        CHECK_THROWS_WITH_AS(
            daf::HostMemory(daf::Index{1} << 60),
            "out of memory: 1152921504606846976 bytes are not to be had. Use a smaller batch or network.",
            daf::Error);
    }
    daf::HostMemory first(100);
    const daf::HostMemory second = std::move(first);
    CHECK(second.size() == 100);
    CHECK(first.size() == 0);  // NOLINT(bugprone-use-after-move): what a move leaves is promised
    CHECK(first.data() == nullptr);
}

TEST_CASE("scratch is aligned, given back with its frame, and grows between frames alone") {
    daf::ScratchArena arena;
    arena.reserve(1000 + 4 * daf::fence::bytes);
    {
        daf::ScratchFrame outer(arena);
        auto* a = outer.take<float>(3);
        auto* b = outer.take<double>(2);
        CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
        CHECK(reinterpret_cast<std::byte*>(b) - reinterpret_cast<std::byte*>(a) == 64 + daf::fence::bytes);
        {
            daf::ScratchFrame inner(arena);
            CHECK(inner.take<char>(64) == reinterpret_cast<char*>(b) + 64 + daf::fence::bytes);
        }
        CHECK(outer.take<char>(1) == reinterpret_cast<char*>(b) + 64 + daf::fence::bytes);
        arena.reserve(700);
        CHECK_THROWS_WITH_AS(
            arena.reserve(5000),
            "scratch: an operator asked for 5000 bytes inside another one whose scratch_bytes did not "
            "count them; or two threads use one context: give each its own",
            daf::Error);
        CHECK_THROWS_WITH_AS(outer.take<char>(5000),
                             "scratch: a kernel took more than its scratch_bytes said", daf::Error);
    }
    arena.reserve(5000);
    CHECK(arena.capacity() == 5000);
}

TEST_CASE("pieces of one size take what as many single ones do, and each has a fence of its own") {
    const bool fences = daf::fence::bytes > 0;
    daf::ScratchArena arena;
    arena.reserve(3 * daf::scratch_size<float>(20));
    daf::ScratchFrame frame(arena);
    const auto pieces = frame.take_pieces<float>(3, 20);
    for (daf::Index i = 0; i < 3; ++i) {
        CHECK(reinterpret_cast<std::uintptr_t>(pieces[i]) % 64 == 0);
        CHECK((pieces[i] - pieces[0]) * 4 == i * (128 + daf::fence::bytes));
        CHECK_FALSE(daf::fence::is_closed(pieces[i] + 19));
        CHECK(daf::fence::is_closed(pieces[i] + 20) == fences);
    }
    CHECK(frame.take_pieces<float>(0, 20)[0] == nullptr);
    CHECK_THROWS_WITH_AS(frame.take<char>(1), "scratch: a kernel took more than its scratch_bytes said",
                         daf::Error);
}

TEST_CASE("what threads have to themselves lies side by side, in no large page of another thread's") {
    const auto place = [](const auto* at) { return reinterpret_cast<std::uintptr_t>(at); };
    constexpr std::uintptr_t large_page = std::uintptr_t{2} << 20;
    const bool fences = daf::fence::bytes > 0;
    for (const daf::Index count : {daf::Index{100}, daf::Index{100'000}}) {
        CAPTURE(count);
        const daf::Index own = daf::scratch_size<float>(count) + daf::scratch_size<char>(5);
        daf::ScratchArena arena;
        arena.reserve(daf::scratch_size<char>(1) + daf::cpu::ThreadScratch::size(3, own));
        daf::ScratchFrame frame(arena);
        frame.take<char>(1);
        daf::cpu::ThreadScratch scratch(frame, 3, own);
        const auto floats = scratch.take<float>(count);
        const auto rest = scratch.take<char>(5);
        for (int thread = 0; thread < 3; ++thread) {
            CHECK(place(floats.of(thread)) % 64 == 0);
            CHECK(place(rest.of(thread)) - place(floats.of(thread)) ==
                  static_cast<std::uintptr_t>(daf::scratch_size<float>(count)));
            CHECK_FALSE(daf::fence::is_closed(floats.of(thread)));
            CHECK_FALSE(daf::fence::is_closed(floats.of(thread) + count - 1));
            CHECK(daf::fence::is_closed(floats.of(thread) + count) == fences);
            CHECK_FALSE(daf::fence::is_closed(rest.of(thread) + 4));
            CHECK(daf::fence::is_closed(rest.of(thread) + 5) == fences);
            if (count == 100'000) CHECK(place(floats.of(thread)) % large_page == 0);
            if (thread == 0) continue;
            CHECK(floats.of(thread) >= reinterpret_cast<const float*>(rest.of(thread - 1) + 5));
        }
        CHECK_THROWS_WITH_AS(scratch.take<char>(1), "scratch: a kernel took more than its scratch_bytes said",
                             daf::Error);
        CHECK_THROWS_WITH_AS(frame.take<char>(1), "scratch: a kernel took more than its scratch_bytes said",
                             daf::Error);
    }
    daf::ScratchArena arena;
    daf::ScratchFrame frame(arena);
    CHECK(daf::cpu::ThreadScratch::size(4, 0) == 0);
    // One thread, and small pieces, take no more than they are.
    CHECK(daf::cpu::ThreadScratch::size(1, 400'000) == daf::scratch_size<char>(400'000));
    CHECK(daf::cpu::ThreadScratch::size(3, 6'400) == daf::scratch_size<char>(19'200));
    daf::cpu::ThreadScratch(frame, 4, 0);
    float one = 0;
    CHECK(daf::cpu::PerThread<float>(&one).of(3) == &one);
}

TEST_CASE("with AddressSanitizer, what lies behind a piece of scratch and what was given back is closed") {
    const bool fences = daf::fence::bytes > 0;
    daf::ScratchArena arena;
    arena.reserve(1000);
    const std::byte* first = nullptr;
    {
        daf::ScratchFrame frame(arena);
        first = frame.take<std::byte>(10);
        const auto* second = frame.take<std::byte>(64);
        CHECK_FALSE(daf::fence::is_closed(first + 9));
        CHECK(daf::fence::is_closed(first + 10) == fences);
        CHECK_FALSE(daf::fence::is_closed(second + 63));
        CHECK(daf::fence::is_closed(second + 64) == fences);
    }
    CHECK(daf::fence::is_closed(first) == fences);
    CHECK_FALSE(daf::fence::is_closed(arena.memory().data()));
}
