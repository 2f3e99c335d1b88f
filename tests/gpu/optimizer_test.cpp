#include <doctest/doctest.h>

#include <daf/cpu/optimizer.hpp>
#include <daf/gpu/optimizer.hpp>
#include <daf/reference/context.hpp>
#include <daf/reference/optimizer.hpp>

#include "../support/optimised.hpp"
#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf::Adam;
using daf::Index;
using daf::Sgd;
using daf_test::after_three_steps;

TEST_CASE("the optimizers' kernels do as the reference, across the end of decay") {
    daf::Reference reference;
    daf_test::HostGpu gpu;
    for (const daf::Optimizer& optimizer : daf_test::every_optimizer()) {
        for (const Index decayed : {0, 1, 700, 5000}) {
            const auto want = after_three_steps<double>(reference, optimizer, decayed, 77);
            const auto got = after_three_steps<double>(gpu, optimizer, decayed, 77);
            CHECK(daf_test::relative_difference(got, want) < 1e-13);
            const auto in_float = after_three_steps<float>(gpu, optimizer, decayed, 77);
            CHECK(daf_test::relative_difference(in_float, want) < 2e-6);
        }
    }
}

TEST_CASE(
    "a scale in memory takes the place of rate and step, and a loss that is not finite holds an update up") {
    const auto moved = [](auto& ctx, const daf::Optimizer& optimizer, const daf::UpdateScale* scale,
                          const double* loss, std::uint32_t step, const double* previous_loss = nullptr,
                          const std::uint32_t* check_previous = nullptr) {
        std::vector<float> p{1, -2, 3}, m{0.1f, 0.2f, 0}, v{0.3f, 0.1f, 0};
        const std::vector<float> g{0.5f, -1, 2};
        daf::update(ctx, optimizer,
                    daf::UpdateCall<float>{p.data(), g.data(), m.data(), v.data(), 2, 1, step, scale, loss,
                                           previous_loss, check_previous});
        p.insert(p.end(), m.begin(), m.end());
        return p;
    };
    const auto check = [&](auto&& ctx) {
        for (const auto& [slow, fast] :
             {std::pair<daf::Optimizer, daf::Optimizer>{Adam{}, Adam{.learning_rate = 0.5}},
              {Sgd{}, Sgd{.learning_rate = 0.5}}}) {
            const daf::UpdateScale scale = daf::scale_of(fast, 7);
            CHECK(moved(ctx, slow, &scale, nullptr, 0) == moved(ctx, fast, nullptr, nullptr, 7));
            CHECK(moved(ctx, slow, nullptr, nullptr, 7) != moved(ctx, fast, nullptr, nullptr, 7));
            const double finite = -3, infinite = -std::numeric_limits<double>::infinity(), nan = std::nan("");
            CHECK(moved(ctx, slow, nullptr, &finite, 7) == moved(ctx, slow, nullptr, nullptr, 7));
            const std::vector<float> untouched{1, -2, 3, 0.1f, 0.2f, 0};
            CHECK(moved(ctx, slow, nullptr, &infinite, 7) == untouched);
            CHECK(moved(ctx, slow, nullptr, &nan, 7) == untouched);
            // That of the step before holds it up where it is to be heeded.
            for (const double before : {finite, infinite, nan}) {
                for (const std::uint32_t heeds : {0u, 1u}) {
                    const auto after = moved(ctx, slow, nullptr, &finite, 7, &before, &heeds);
                    CHECK((after == untouched) == (heeds == 1 && !std::isfinite(before)));
                }
            }
        }
    };
    check(daf::Reference{});
    check(daf::Cpu(daf::Threads{1}));
    check(daf_test::HostGpu{});
}
