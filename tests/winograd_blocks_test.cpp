// Winograd's convolution by blocks of tiles and slices of weights, whoever takes which.
#include <atomic>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "support/convolution_passes.hpp"

using daf::Convolution;
using daf::Index;
using daf::cpu::WinogradTile;
using daf_test::Passes;

namespace {

std::vector<float> as_floats(const std::vector<double>& values) {
    return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("weights that are transformed a slice of channels at a time give what all at once give") {
    // 64 points of 128 x 180 channels are more than a cache holds; five images are one block; the last slice
    // and its last panel are not full.
    const daf::ConvolutionSize large{12, 12, 128, 180, 3, 1};
    const daf::cpu::WinogradTraffic traffic{large.channels + large.features, large.channels, 1,
                                            sizeof(double)};
    const auto tiling = daf::cpu::WinogradTiling::of(large, 5, 6, traffic);
    CHECK(tiling.by_slices);
    daf_test::check_as_direct(large, 5, {Convolution::winograd, 6});
    daf_test::check_same_bits(large, 5, {Convolution::winograd, 6});
    daf_test::check_ways_of_dx(large, 5, {Convolution::winograd, 6});
}

TEST_CASE(
    "weights that every block of tiles transforms anew, a slice at a time, give what all at once give") {
    const daf::ConvolutionSize wide{4, 5, 200, 208, 3, 1};
    constexpr Index count = 210;
    const daf::cpu::WinogradTraffic traffic{wide.channels + wide.features, wide.channels, 1, sizeof(double)};
    const auto tiling = daf::cpu::WinogradTiling::of(wide, count, 6, traffic);
    CHECK(tiling.by_slices);
    CHECK(tiling.blocks() > 1);
    daf_test::check_as_direct(wide, count, {Convolution::winograd, 6});
    daf_test::check_ways_of_dx(wide, count, {Convolution::winograd, 6});
    // The same of floats, of which more fit.
    const daf::ConvolutionSize wider{4, 5, 300, 300, 3, 1};
    const daf::cpu::WinogradTraffic of_floats{wider.channels + wider.features, wider.channels, 1,
                                              sizeof(float)};
    const auto tiling_of_floats = daf::cpu::WinogradTiling::of(wider, 320, 6, of_floats);
    CHECK(tiling_of_floats.by_slices);
    CHECK(tiling_of_floats.blocks() > 1);
    daf_test::check_same_bits(wider, 320, {Convolution::winograd, 6});
}

TEST_CASE("blocks of tiles that are spread over the threads give the same bits as on one") {
    // more blocks than chunks
    daf_test::check_same_bits({48, 48, 16, 32, 3, 1}, 20, {Convolution::winograd, 4});
    daf_test::check_same_bits({48, 48, 16, 32, 3, 1}, 20, {Convolution::winograd, 6});
    daf_test::check_ways_of_dx({48, 48, 16, 32, 3, 1}, 20, {Convolution::winograd, 6});
    // Weights of 4 MiB, which forward's threads each read where there are blocks enough.
    const daf::ConvolutionSize wide{48, 48, 128, 128, 3, 1};
    const auto tiling = [&](Index count) {
        return daf::cpu::WinogradTiling::of(wide, count, 6,
                                            {wide.channels + wide.features, wide.channels, 1, sizeof(float)});
    };
    CHECK(tiling(8).chunks == 8);
    CHECK_FALSE(tiling(8).by_slices);
    CHECK(tiling(2).blocks() == 1);
    CHECK(tiling(2).by_slices);
    CHECK(tiling(7).chunks == 1);
    CHECK(tiling(7).blocks() == 4);
    daf_test::check_same_bits(wide, 8, {Convolution::winograd, 6});
}

TEST_CASE("strips of a few images that threads take whole give what the direct convolution gives") {
    const daf::ConvolutionSize size{24, 22, 16, 20, 3, 1};
    for (const Index count : {1, 2, 3}) {
        const daf::cpu::WinogradTraffic traffic{size.channels + size.features, size.channels, 1,
                                                sizeof(double)};
        const auto tiling = daf::cpu::WinogradTiling::of(size, count, 6, traffic);
        CHECK(tiling.strips() == (count == 3 ? 6 : 4));
        CHECK(tiling.chunks == tiling.strips());
        daf_test::check_as_direct(size, count, {Convolution::winograd, 6});
        daf_test::check_same_bits(size, count, {Convolution::winograd, 6});
    }
    // Weights that two threads had better not both read, and images enough.
    const auto chunks = [](const daf::ConvolutionSize& s, Index count) {
        return daf::cpu::WinogradTiling::of(s, count, 6,
                                            {s.channels + s.features, s.channels, 1, sizeof(float)})
            .chunks;
    };
    CHECK(chunks({24, 24, 128, 128, 3, 1}, 1) == 1);
    CHECK(chunks({24, 24, 16, 20, 3, 1}, 4) == 1);
    // Rows of one tile, 17 of them: as strips each would read the weights.
    CHECK(chunks({102, 6, 4, 4, 3, 1}, 1) == 1);
}

TEST_CASE("tiles that are cut for a number of threads give the same bits as for any") {
    const auto y_by = [](const daf::ConvolutionSize& size, Index count, daf::cpu::ConvolutionChoice choice,
                         int threads, int made_for) {
        const daf_test::Operands operands(size, count);
        const std::vector<float> x = as_floats(operands.x), weight = as_floats(operands.weight);
        daf::Cpu cpu(daf::Threads{threads});
        const daf::cpu::ConvolutionForward<float> forward(choice, size, count, made_for);
        std::vector<float> transformed(static_cast<std::size_t>(forward.transformed()));
        std::vector<float> y(operands.dy.size(), std::numeric_limits<float>::quiet_NaN());
        forward.transform(cpu, weight.data(), transformed.data());
        cpu.reserve(forward.scratch(threads));
        auto frame = cpu.scratch();
        forward.run(cpu, frame, transformed.data(), daf::cpu::rows_of_x(size, x.data()), y.data(), {},
                    [](float*, Index, Index) {});
        return y;
    };
    const auto tiling = [](const daf::ConvolutionSize& size, Index count, WinogradTile tile, int threads) {
        return daf::cpu::WinogradTiling::for_threads(
            size, count, tile, {size.channels + size.features, size.channels, 1, sizeof(float)}, threads);
    };
    const auto check = [&](const daf::ConvolutionSize& size, WinogradTile tile, Index count) {
        const daf::cpu::ConvolutionChoice choice{Convolution::winograd, tile};
        const auto want = y_by(size, count, choice, 1, daf::cpu::any_threads);
        for (const int threads : {1, 2, 3, 8, 64}) {
            const Index chunks = tiling(size, count, tile, threads).chunks;
            REQUIRE((threads == 2 || threads == 3 ? chunks > 1 : chunks > 0));
            CHECK(y_by(size, count, choice, threads, threads) == want);
            CHECK(y_by(size, count, choice, 3, threads) == want);  // a pool of another size
        }
    };
    const daf::ConvolutionSize narrow{24, 22, 16, 20, 3, 1}, wide{12, 12, 96, 160, 3, 1};
    for (const Index tile : {2, 4, 6}) {
        check(narrow, tile, 1);
        check(narrow, tile, 5);
    }
    check(wide, 2, 5);
    check({3, 3, 20, 33, 3, 1}, WinogradTile::whole_map(), 33);

    // Parts as equal as rows of tiles allow, and as many as there are.
    const auto most_rows = [](const daf::cpu::WinogradTiling& t, int threads) {
        return (t.blocks() + threads - 1) / threads * t.block_strips * t.strip_rows;
    };
    const daf::ConvolutionSize large{96, 96, 64, 64, 3, 1};  // 16 rows of tiles
    CHECK(most_rows(tiling(large, 1, 6, 2), 2) == 8);
    CHECK(most_rows(tiling(large, 1, 6, 3), 3) == 6);
    CHECK(tiling(large, 1, 6, 17).chunks == 16);
    CHECK(tiling(large, 32, 6, 20).chunks == 20);
    CHECK(tiling({6, 6, 16, 16, 3, 1}, 2, 6, 64).blocks() == 1);
    // Weights that two threads had better not both read, and a lone tile.
    CHECK(tiling({24, 24, 256, 256, 3, 1}, 1, 6, 2).chunks == 1);
    CHECK(tiling({24, 24, 128, 256, 3, 1}, 1, 4, 2).chunks == 1);
    CHECK(tiling({1, 1, 1, 1, 3, 1}, 1, 6, 2).chunks == 1);
}

TEST_CASE("a convolution inside a chunk works, whichever worker has the chunk") {
    const daf::ConvolutionSize size{6, 6, 24, 40, 3, 1};
    const daf_test::Operands operands(size, 2);
    for (const auto& choice :
         {daf::cpu::ConvolutionChoice{Convolution::winograd, 6}, {Convolution::direct}}) {
        const Passes<double> want(operands, size, 2, choice, 1);
        daf::Cpu cpu(daf::Threads{4});
        const daf::cpu::ConvolutionForward<double> forward(choice, size, 2);
        cpu.reserve(forward.whole_scratch(4));
        std::vector<double> y(want.y.size());
        std::atomic<bool> done{false};
        int ran_it = 0;
        cpu.parallel(4, [&](Index chunk, int worker) {
            if (chunk < 3) {  // so that the caller is not free for the last one
                while (!done) std::this_thread::yield();
                return;
            }
            ran_it = worker;
            auto frame = cpu.scratch();
            forward.transform_and_run(cpu, frame, operands.weight.data(),
                                      daf::cpu::rows_of_x(size, operands.x.data()), y.data(),
                                      [](double*, Index, Index) {});
            done = true;
        });
        CHECK(ran_it != 0);
        CHECK(y == want.y);
    }
}

TEST_CASE(
    "maps too large for the caches are the same whether their place is aligned for stores past them or not") {
    const daf::ConvolutionSize size{47, 45, 16, 16, 3, 1};  // the last tiles reach over the map
    const Index count = daf::cpu::far_map_bytes / (size.x_size() * Index{sizeof(float)}) + 1;
    const auto x = as_floats(daf_test::noise(count * size.x_size(), 1, 1));
    const auto dy = as_floats(daf_test::noise(count * size.y_size(), 2, 1));
    const auto weight = as_floats(daf_test::noise(size.weights(), 3, 0.1));
    const daf::cpu::ConvolutionChoice choice{Convolution::winograd, 6};
    const daf::cpu::ConvolutionForward<float> forward(choice, size, count);
    daf::cpu::ConvolutionBackward<float> backward(choice, size, count);
    daf::Cpu cpu(daf::Threads{2}), one(daf::Threads{1});
    cpu.reserve(std::max(forward.whole_scratch(2), backward.scratch(2)));
    one.reserve(forward.whole_scratch(1));
    /// What `run` makes of a map that begins so many elements after an aligned place.
    const auto made_at = [](daf::Cpu& ctx, Index offset, Index elements, const auto& run) {
        const daf::HostMemory memory((elements + offset) * Index{sizeof(float)});
        auto* map = memory.as<float>() + offset;
        CHECK(daf::cpu::takes_far_stores(map) == (offset == 0 && daf::cpu::lanes<float> == 16));
        std::fill_n(map, elements, std::numeric_limits<float>::quiet_NaN());
        auto frame = ctx.scratch();
        run(frame, map);
        return std::vector<float>(map, map + elements);
    };

    const auto dx_at = [&](Index offset) {
        std::vector<float> dweight(weight.size());
        return made_at(cpu, offset, count * size.x_size(), [&](daf::ScratchFrame& frame, float* dx) {
            backward.run(cpu, frame, weight.data(), daf::cpu::rows_of_x(size, x.data()),
                         daf::cpu::rows_of_y(size, dy.data()), dx, false, dweight.data());
        });
    };
    CHECK(dx_at(0) == dx_at(1));

    // Who comes after the convolution sees each pixel once, and what it makes of them stays.
    const auto y_at = [&](daf::Cpu& ctx, Index offset) {
        std::vector<Index> pixels_of(static_cast<std::size_t>(forward.slots()));
        auto y = made_at(ctx, offset, count * size.y_size(), [&](daf::ScratchFrame& frame, float* place) {
            forward.transform_and_run(ctx, frame, weight.data(), daf::cpu::rows_of_x(size, x.data()), place,
                                      [&](float* pixels, Index n, Index slot) {
                                          pixels_of[static_cast<std::size_t>(slot)] += n;
                                          for (Index i = 0; i < n * size.features; ++i) pixels[i] *= 2;
                                      });
        });
        CHECK(std::accumulate(pixels_of.begin(), pixels_of.end(), Index{0}) == count * size.out_area());
        return y;
    };
    const auto y = y_at(cpu, 0);
    CHECK(y == y_at(cpu, 1));
    CHECK(y == y_at(one, 0));
    auto once = made_at(cpu, 1, count * size.y_size(), [&](daf::ScratchFrame& frame, float* place) {
        forward.transform_and_run(cpu, frame, weight.data(), daf::cpu::rows_of_x(size, x.data()), place,
                                  [](float*, Index, Index) {});
    });
    for (float& value : once) value *= 2;
    CHECK(y == once);
}
