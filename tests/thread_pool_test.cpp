#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <daf/cpu/context.hpp>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "support/allocations.hpp"

using daf::Index;

TEST_CASE("every chunk runs once, whatever the number of threads and chunks") {
    for (const int threads : {1, 2, 3, 4, 8}) {
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

TEST_CASE("a worker that takes long is waited for") {
    daf::Cpu cpu(daf::Threads{2});
    std::atomic<bool> begun{false}, done{false};
    cpu.parallel(2, [&](Index, int worker) {
        if (worker == 0) {
            while (!begun) std::this_thread::yield();
            return;
        }
        begun = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));  // longer than anybody waits awake
        done = true;
    });
    CHECK(done);
}

TEST_CASE("rounds may follow one another at once") {
    for (const int threads : {2, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        Index sum = 0;
        for (Index round = 0; round < 20000; ++round) {
            std::array<Index, 5> chunks{};
            cpu.parallel(5, [&](Index chunk) { chunks[static_cast<std::size_t>(chunk)] = round + chunk; });
            sum += std::accumulate(chunks.begin(), chunks.end(), Index{0}) - 5 * round;
        }
        CHECK(sum == 20000 * 10);
    }
}

TEST_CASE("a worker begins with chunks of its own, that lie side by side, in every round the same") {
    constexpr int threads = 3;
    daf::Cpu cpu(daf::Threads{threads});
    for (int round = 0; round < 100; ++round) {
        std::array<int, 2 * threads> ran_by{};
        std::atomic<int> begun{0};
        cpu.parallel(2 * threads, [&](Index chunk, int worker) {
            ran_by[static_cast<std::size_t>(chunk)] = worker;
            ++begun;  // nobody goes on before all have begun: so each has one chunk, its first
            while (begun < threads) std::this_thread::yield();
        });
        CHECK(ran_by[0] == 0);
        CHECK(ran_by[2] == 1);
        CHECK(ran_by[4] == 2);
    }
}

TEST_CASE("what a slow worker has not come to, others run") {
    daf::Cpu cpu(daf::Threads{2});
    std::atomic<int> others{0};
    cpu.parallel(10, [&](Index chunk) {
        if (chunk > 0) {
            ++others;
        } else {
            while (others < 9) std::this_thread::yield();  // chunks 1 to 4 are of the same share
        }
    });
    CHECK(others == 9);
}

TEST_CASE(
    "where other programs want every core, contexts come and go without waiting their turn again and again") {
    // Whoever gives way on such a machine may be out for milliseconds: twenty pools that did so some 200
    // times took 11 s.
    std::vector<std::jthread> others;
    for (unsigned i = 0; i < std::clamp(2 * std::thread::hardware_concurrency(), 4U, 16U); ++i)
        others.emplace_back([](const std::stop_token& over) {
            while (!over.stop_requested()) {
            }
        });
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        daf::Cpu cpu(daf::Threads{4});
        cpu.parallel(8, [](Index) {});
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CHECK(took.count() < 5);
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

TEST_CASE("threads without work sleep") {
    daf::Cpu cpu;  // more threads than cores do not wait awake
    for (int i = 0; i < 20; ++i) cpu.parallel(16, [](Index) {});
    const std::clock_t begin = std::clock();  // of the processors, all threads together
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    CHECK(seconds < 0.1);
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

TEST_CASE("background work: every chunk runs once, whether workers find time for it or not") {
    for (const int threads : {1, 2, 3, 4, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        daf::Cpu::Background work;
        for (const Index chunks : {0, 1, 2, 7, 100}) {
            for (int round = 0; round < 50; ++round) {
                std::vector<std::atomic<int>> runs(static_cast<std::size_t>(chunks));
                const auto body = [&](Index chunk) { ++runs[static_cast<std::size_t>(chunk)]; };
                cpu.start(work, chunks, body);
                std::atomic<int> rounds{0};
                for (int i = 0; i < round % 4; ++i) cpu.parallel(5, [&](Index) { ++rounds; });
                cpu.finish(work);
                for (const auto& n : runs) REQUIRE(n == 1);
                REQUIRE(rounds == 5 * (round % 4));
            }
        }
    }
}

TEST_CASE("background work: idle workers do it while the caller does something else") {
    daf::Cpu cpu(daf::Threads{2});
    daf::Cpu::Background work;
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> done{0};
        const auto body = [&](Index) { ++done; };
        cpu.start(work, 8, body);
        while (done < 8) std::this_thread::yield();  // without finish(), and no round runs
        cpu.finish(work);
    }
    // While a round runs whose chunks are all taken: the caller stays in one of them.
    std::atomic<int> done{0};
    const auto body = [&](Index) { ++done; };
    const auto caller = std::this_thread::get_id();
    bool started = false;
    while (!started) {
        cpu.parallel(2, [&](Index chunk) {
            if (std::this_thread::get_id() != caller || chunk == 0) return;
            started = true;
            cpu.start(work, 8, body);
            while (done < 8) std::this_thread::yield();
        });
    }
    cpu.finish(work);
    CHECK(done == 8);
}

TEST_CASE("background work: a round comes before it") {
    // A chunk of background work blocks the worker; the others must wait until the round that comes next is
    // over.
    daf::Cpu cpu(daf::Threads{2});
    daf::Cpu::Background work;
    std::atomic<bool> inside{false}, release{false}, round_over{false};
    std::atomic<int> too_early{0};
    std::thread::id worker;
    const auto body = [&](Index chunk) {
        if (chunk == 0) {
            worker = std::this_thread::get_id();
            inside = true;
            while (!release) std::this_thread::yield();
        } else if (std::this_thread::get_id() == worker && !round_over) {
            ++too_early;
        }
    };
    cpu.start(work, 50, body);
    while (!inside) std::this_thread::yield();
    // The caller holds one chunk of the round until the worker has come for another.
    std::atomic<int> begun{0};
    cpu.parallel(2, [&](Index) {
        if (begun++ == 0) {
            release = true;
            while (begun < 2) std::this_thread::yield();
        }
        if (std::this_thread::get_id() == worker) round_over = true;
    });
    CHECK(round_over);
    CHECK(too_early == 0);
    cpu.finish(work);
}

TEST_CASE("background work: dropped unfinished, started anew, two at once, work inside it") {
    daf::Cpu cpu(daf::Threads{3});
    std::atomic<int> count{0};
    for (int round = 0; round < 100; ++round) {
        const auto body = [&](Index) { ++count; };
        daf::Cpu::Background dropped, other;
        cpu.start(dropped, 1000, body);
        cpu.start(dropped, 10, body);  // what was left of the first goes
        cpu.start(other, 10, body);    // nobody helps with it
        if (round % 2 == 0) cpu.parallel(4, [](Index) {});
        if (round % 3 == 0) cpu.finish(other);
    }
    CHECK(count >= 340);
    std::atomic<Index> sum{0};
    const auto nested = [&](Index a) { cpu.parallel(5, [&](Index b) { sum += a * 5 + b; }); };
    daf::Cpu::Background work;
    for (int round = 0; round < 20; ++round) {
        sum = 0;
        cpu.start(work, 8, nested);
        cpu.parallel(3, [](Index) {});
        cpu.finish(work);
        REQUIRE(sum == 39 * 40 / 2);
    }
}

TEST_CASE("background work: a context may go while some is left") {
    std::atomic<int> count{0};
    const auto body = [&](Index) {
        ++count;
        std::this_thread::yield();
    };
    for (int round = 0; round < 50; ++round) {
        daf::Cpu::Background work;  // goes after its context, which is against the rules, and safe
        daf::Cpu cpu(daf::Threads{3});
        cpu.start(work, 100000, body);
    }
    CHECK(count < 50 * 100000);
}

TEST_CASE("background work allocates nothing") {
    daf::Cpu cpu(daf::Threads{3});
    daf::Cpu::Background work;
    std::atomic<int> sum{0};
    const auto body = [&](Index) { ++sum; };
    const auto once = [&] {
        cpu.start(work, 16, body);
        cpu.parallel(4, [&](Index) { ++sum; });
        cpu.finish(work);
    };
    once();
    const long before = daf_test::allocations();
    for (int i = 0; i < 10; ++i) once();
    CHECK(daf_test::allocations() == before);
    CHECK(sum == 11 * 20);
}
