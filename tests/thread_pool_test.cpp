#include <doctest/doctest.h>

#include <daf/cpu/context.hpp>
#include <numeric>
#include <set>

#include "support/allocations.hpp"

using daf::Index;

TEST_CASE("every chunk runs once, whatever the number of threads and chunks") {
    for (const int threads : {1, 2, 3, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        CHECK(cpu.threads() == threads);
        for (const Index chunks : {0, 1, 2, 7, 100}) {
            for (int round = 0; round < 50; ++round) {
                std::vector<std::atomic<int>> runs(static_cast<std::size_t>(chunks));
                cpu.parallel(chunks, [&](Index chunk) { ++runs[static_cast<std::size_t>(chunk)]; });
                for (const auto& n : runs) REQUIRE(n == 1);
            }
        }
    }
}

TEST_CASE("two chunks that run at once are never of the same worker") {
    daf::Cpu cpu(daf::Threads{4});
    std::vector<std::atomic<int>> inside(4);
    std::atomic<bool> clash{false};
    cpu.parallel(1000, [&](Index, int worker) {
        auto& mine = inside[static_cast<std::size_t>(worker)];
        if (++mine != 1) clash = true;
        std::this_thread::yield();
        --mine;
    });
    CHECK_FALSE(clash);
}

TEST_CASE("work inside work stays on its thread, and contexts work side by side") {
    daf::Cpu cpu(daf::Threads{3}), other(daf::Threads{2});
    std::atomic<Index> sum{0};
    cpu.parallel(8, [&](Index a) {
        const auto thread = std::this_thread::get_id();
        cpu.parallel(5, [&](Index b) {
            if (thread == std::this_thread::get_id()) sum += a * 5 + b;
        });
    });
    CHECK(sum == 39 * 40 / 2);
    std::atomic<int> both{0};
    std::thread beside([&] {
        for (int i = 0; i < 200; ++i) other.parallel(4, [&](Index) { ++both; });
    });
    for (int i = 0; i < 200; ++i) cpu.parallel(4, [&](Index) { ++both; });
    beside.join();
    CHECK(both == 1600);
}

TEST_CASE("work inside work keeps its worker's number") {
    daf::Cpu cpu(daf::Threads{4});
    std::atomic<bool> same{true};
    cpu.parallel(64, [&](Index, int outer) {
        cpu.parallel(3, [&](Index, int inner) {
            if (inner != outer) same = false;
        });
    });
    CHECK(same);
}

TEST_CASE("parallel work allocates nothing") {
    daf::Cpu cpu(daf::Threads{3});
    std::atomic<int> sum{0};
    const auto work = [&] { cpu.parallel(16, [&](Index) { ++sum; }); };
    work();
    const long before = daf_test::allocations();
    for (int i = 0; i < 10; ++i) work();
    CHECK(daf_test::allocations() == before);
}

TEST_CASE("a context of no threads works on one") {
    CHECK(daf::Cpu(daf::Threads{0}).threads() == 1);
    CHECK(daf::Cpu().threads() >= 1);
}
