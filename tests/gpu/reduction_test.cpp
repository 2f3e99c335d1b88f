#include <doctest/doctest.h>

#include <cmath>
#include <daf/cpu/reduction.hpp>
#include <daf/gpu/reduction.hpp>
#include <vector>

#include "support/host_gpu.hpp"

using daf_test::HostGpu;

namespace {

/// By 256 threads that take every 256th loss, joined in pairs within a warp, then the warps in turn.
double by_threads(const std::vector<float>& y) {
    constexpr std::size_t threads = 256, warp = 32;
    double sums[threads] = {};
    for (std::size_t i = 0; i < y.size(); ++i) sums[i % threads] += static_cast<double>(y[i]);
    double all = 0;
    for (std::size_t first = 0; first < threads; first += warp) {
        for (std::size_t mask = warp / 2; mask > 0; mask /= 2) {
            for (std::size_t lane = 0; lane < mask; ++lane) sums[first + lane] += sums[first + lane + mask];
        }
        all += sums[first];
    }
    return all;
}

}  // namespace

TEST_CASE("the reduction adds in double, by threads in an order that the batch's size fixes") {
    using One = daf::Shape<1>;
    for (const std::size_t count : {1u, 31u, 255u, 257u, 1000u}) {
        std::vector<float> y(count);
        daf::RandomSequence random(daf::Stream{daf::Seed{3}});
        for (float& v : y) v = static_cast<float>(random.normal());
        y[0] = 1e8f;
        daf::Cpu cpu(daf::Threads{1});
        for (const std::uint64_t seed : {1u, 2u}) {
            HostGpu gpu(seed);
            const double sum = daf::reduce(gpu, daf::Reduction::sum, daf::batch_of<One>(y));
            CHECK(sum == by_threads(y));
            CHECK(daf::reduce(gpu, daf::Reduction::mean, daf::batch_of<One>(y)) ==
                  sum / static_cast<double>(count));
            const double in_turn = daf::reduce(cpu, daf::Reduction::sum, daf::batch_of<One>(y));
            CHECK(std::abs(sum - in_turn) <= 1e-13 * 1e8);
        }
    }
}

TEST_CASE("the weights of losses are filled in") {
    using One = daf::Shape<1>;
    HostGpu gpu;
    for (const auto how : {daf::Reduction::sum, daf::Reduction::mean}) {
        std::vector<float> dy(300);
        daf::fill_weights(gpu, how, daf::batch_of<One>(dy), 0.6);
        CHECK(dy == std::vector<float>(300, how == daf::Reduction::sum ? 0.6f : 0.002f));
    }
}
