// Whether threads share a cache: measured, or told; and that nothing else hangs on it.
#include <chrono>

#include "support/convolution_passes.hpp"

using daf::Cores;
using daf::Index;

#if !defined(__SANITIZE_THREAD__)  // under which it takes longer than anybody waits
namespace {

/// The first measurement that comes about: threads may be asleep, or other programs on their cores.
double measured(daf::ThreadPool& pool) {
    double nanoseconds = 0;
    for (int attempt = 0; attempt < 20000 && nanoseconds == 0; ++attempt)
        nanoseconds = daf::cpu::handover_nanoseconds(pool);
    return nanoseconds;
}

}  // namespace

TEST_CASE("the time that a cache line takes from thread to thread is measured on all threads of a pool") {
    if (std::thread::hardware_concurrency() < 2) return;
    daf::ThreadPool pool(2);
    const double nanoseconds = measured(pool);
    CHECK(nanoseconds > 1);
    CHECK(nanoseconds < 2000);  // of one line, not of all that were sent
}
#endif

TEST_CASE("cores are apart where a line takes longer than any that share a cache were seen to take") {
    for (const double seen : {28.0, 61.0}) CHECK(!daf::cpu::between_caches(seen));
    for (const double seen : {155.0, 185.0}) CHECK(daf::cpu::between_caches(seen));
}

TEST_CASE("it is not measured where the threads cannot all run at once, and soon given up") {
    daf::ThreadPool one(1), several(3);
    CHECK(daf::cpu::handover_nanoseconds(one) == 0);
    several.run(3, [&](Index) { CHECK(daf::cpu::handover_nanoseconds(several) == 0); });

    std::atomic<bool> done{false};
    daf::ThreadPool::Background busy;
    const auto wait = [&](Index) {
        while (!done) std::this_thread::yield();
    };
    several.start(busy, 2, wait);  // both workers
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(daf::cpu::handover_nanoseconds(several) == 0);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
    done = true;
    several.finish(busy);
}

TEST_CASE("a context believes what it is told about its cores; a single thread's are never apart") {
    daf::Cpu two(daf::Threads{2}), one(daf::Threads{1});
    two.set_cores(Cores::apart);
    CHECK(two.cores_apart());
    two.set_cores(Cores::together);
    CHECK(!two.cores_apart());
    one.set_cores(Cores::apart);
    CHECK(!one.cores_apart());
}

TEST_CASE("a convolution's bits are the same on cores that share a cache and on cores that do not") {
    const daf::cpu::ConvolutionChoice winograd{daf::Convolution::winograd, 6};
    const auto check = [&](const daf::ConvolutionSize& size, Index count) {
        const daf_test::Operands operands(size, count);
        const daf_test::Passes<float> together(operands, size, count, winograd, 2, Cores::together);
        const daf_test::Passes<float> apart(operands, size, count, winograd, 2, Cores::apart);
        CHECK(apart.y == together.y);
        CHECK(apart.dx == together.dx);
        CHECK(apart.dweight == together.dweight);
    };
    check({24, 24, 64, 128, 3, 1}, 8);   // several blocks; weights whole
    check({12, 12, 128, 180, 3, 1}, 5);  // weights by slices, the last of which is not full
    check({12, 12, 256, 200, 3, 1}, 3);  // all of x's channels at once, or not
    check({6, 6, 300, 72, 3, 1}, 9);     // channels beyond the last whole packet
    check({6, 6, 20, 560, 3, 1}, 9);     // backward sums over more panels than at once
}
