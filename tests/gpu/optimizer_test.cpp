#include <doctest/doctest.h>

#include <daf/gpu/optimizer.hpp>
#include <daf/reference/context.hpp>
#include <daf/reference/optimizer.hpp>

#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf::Adam;
using daf::Index;
using daf::Sgd;

namespace {

template <class T, class Backend>
std::vector<T> after_three_steps(Backend& ctx, const daf::Optimizer& optimizer, Index decayed,
                                 Index undecayed) {
    const Index size = decayed + undecayed;
    daf_test::Guarded<T> p(size), g(size), m(size), v(size);
    daf::RandomSequence random(daf::Stream{daf::Seed{9}});
    m.fill(0);
    v.fill(0);
    for (Index i = 0; i < size; ++i) p[i] = static_cast<T>(random.normal());
    for (std::uint32_t step = 1; step <= 3; ++step) {
        for (Index i = 0; i < size; ++i) g[i] = static_cast<T>(random.normal());
        daf::update(ctx, optimizer,
                    daf::UpdateCall<T>{p.data(), g.data(), m.data(), v.data(), decayed, undecayed, step});
    }
    CHECK(p.edges_whole());
    CHECK(m.edges_whole());
    CHECK(v.edges_whole());
    return p.copy();
}

}  // namespace

TEST_CASE("the optimizers' kernels do as the reference, across the end of decay") {
    daf::Reference reference;
    daf_test::HostGpu gpu;
    for (const daf::Optimizer& optimizer :
         {daf::Optimizer(Adam{}), daf::Optimizer(Adam{.weight_decay = 0.1}), daf::Optimizer(Sgd{}),
          daf::Optimizer(Sgd{.weight_decay = 0.1, .nesterov = false})}) {
        for (const Index decayed : {0, 1, 700, 5000}) {
            const auto want = after_three_steps<double>(reference, optimizer, decayed, 77);
            const auto got = after_three_steps<double>(gpu, optimizer, decayed, 77);
            CHECK(daf_test::relative_difference(got, want) < 1e-13);
            const auto in_float = after_three_steps<float>(gpu, optimizer, decayed, 77);
            CHECK(daf_test::relative_difference(in_float, want) < 2e-6);
        }
    }
}
