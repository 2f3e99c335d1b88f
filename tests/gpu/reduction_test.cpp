#include <doctest/doctest.h>

#include <daf/cpu/reduction.hpp>
#include <daf/gpu/reduction.hpp>
#include <vector>

#include "support/host_gpu.hpp"

using daf_test::HostGpu;

TEST_CASE("the reduction adds in double and in the batch's order: the Cpu's bits") {
    using One = daf::Shape<1>;
    std::vector<float> y(1000);
    daf::RandomSequence random(daf::Stream{daf::Seed{3}});
    for (float& v : y) v = static_cast<float>(random.normal());
    y[0] = 1e8f;
    HostGpu gpu;
    daf::Cpu cpu(daf::Threads{1});
    for (const auto how : {daf::Reduction::sum, daf::Reduction::mean}) {
        CHECK(daf::reduce(gpu, how, daf::batch_of<One>(y)) == daf::reduce(cpu, how, daf::batch_of<One>(y)));
        std::vector<float> dy(300);
        daf::fill_weights(gpu, how, daf::batch_of<One>(dy), 0.6);
        CHECK(dy == std::vector<float>(300, how == daf::Reduction::sum ? 0.6f : 0.002f));
    }
}
