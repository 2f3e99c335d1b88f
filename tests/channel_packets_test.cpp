#include <doctest/doctest.h>

#include <algorithm>
#include <daf/cpu/channel_packets.hpp>
#include <numeric>
#include <vector>

using daf::Index;

namespace {

/// That walk(channels, visit) visits every channel once, in order; visit(first, width) takes some.
template <class Walk>
void check_every_channel_once(Index channels, const Walk& walk) {
    CAPTURE(channels);
    Index next = 0;
    walk(channels, [&](Index first, Index width) {
        CHECK(first == next);
        CHECK(width > 0);
        next += width;
    });
    CHECK(next == channels);
}

template <class T>
void check_walks() {
    for (Index channels = 0; channels <= 5 * daf::cpu::lanes<T>; ++channels) {
        check_every_channel_once(channels, [](Index count, const auto& visit) {
            daf::cpu::for_each_packet<T>(count,
                                         [&]<class P>(Index c) { visit(c, daf::cpu::packet_size<P>); });
        });
        check_every_channel_once(channels, [](Index count, const auto& visit) {
            daf::cpu::for_each_strip<T>(
                count, [&]<class P, int Count>(Index c) { visit(c, Count * daf::cpu::packet_size<P>); });
        });
    }
}

}  // namespace

TEST_CASE("packets and strips meet every channel once, in order") {
    check_walks<float>();
    check_walks<double>();
}

TEST_CASE("half as many channels as a packet holds are one packet where the processor has one") {
    constexpr Index half = daf::cpu::lanes<float> / 2;
    using Half = daf::cpu::packet::find_best_packet<float, half>::type;
    Index packets = 0;
    daf::cpu::for_each_packet<float>(half, [&]<class>(Index) { ++packets; });
    CHECK(packets == (daf::cpu::packet_size<Half> == half ? 1 : half));
}

TEST_CASE("a part of a packet is copied, and nothing beside it") {
    const auto check = [](auto first) {
        using T = decltype(first);
        constexpr Index lanes = daf::cpu::lanes<T>;
        std::vector<T> from(lanes);
        std::iota(from.begin(), from.end(), first);
        for (Index count = 0; count < lanes; ++count) {
            std::vector<T> want(lanes, T(-1)), to = want;
            std::copy_n(from.begin(), count, want.begin());
            daf::cpu::copy_part_of_packet(from.data(), count, to.data());
            CHECK(to == want);
        }
    };
    check(1.0f);
    check(1.0);
}
