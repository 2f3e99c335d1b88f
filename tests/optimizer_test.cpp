#include <doctest/doctest.h>

#include <cmath>
#include <daf/cpu/optimizer.hpp>
#include <daf/reference/optimizer.hpp>
#include <limits>
#include <vector>

#include "support/allocations.hpp"

using daf::Adam;
using daf::Index;
using daf::Sgd;

namespace {

template <class T>
struct Slabs {
    Index decayed, undecayed;
    std::vector<T> p, g, m, v;

    Slabs(Index d, Index u) : decayed(d), undecayed(u) {
        daf::RandomSequence random(daf::Stream{daf::Seed{9}});
        for (Index i = 0; i < d + u; ++i) {
            p.push_back(static_cast<T>(random.normal()));
            g.push_back(static_cast<T>(random.normal()));
        }
        m.resize(p.size());
        v.resize(p.size());
    }
    daf::UpdateCall<T> call(std::uint32_t step) {
        return {p.data(), g.data(), m.data(), v.data(), decayed, undecayed, step};
    }
};

template <class T, class Backend>
std::vector<T> after_five_steps(Backend& ctx, const daf::Optimizer& optimizer, Index decayed,
                                Index undecayed) {
    Slabs<T> slabs(decayed, undecayed);
    for (std::uint32_t step = 1; step <= 5; ++step) {
        daf::update(ctx, optimizer, slabs.call(step));
        for (T& g : slabs.g) g *= T(-0.7);
    }
    return slabs.p;
}

const daf::Optimizer everything[] = {Adam{}, Adam{.weight_decay = 0.1}, Sgd{},
                                     Sgd{.weight_decay = 0.1, .nesterov = false}};

}  // namespace

TEST_CASE("optimizers agree with the reference, across pieces of the slab and the end of decay") {
    daf::Reference reference;
    daf::Cpu cpu(daf::Threads{2});
    for (const auto& optimizer : everything) {
        const auto got = after_five_steps<double>(cpu, optimizer, 40000, 777);
        const auto want = after_five_steps<double>(reference, optimizer, 40000, 777);
        for (std::size_t i = 0; i < got.size(); ++i)
            REQUIRE(got[i] == doctest::Approx(want[i]).epsilon(1e-12));
    }
}

TEST_CASE("optimizers give the same bits at any number of threads") {
    for (const auto& optimizer : everything) {
        daf::Cpu one(daf::Threads{1}), three(daf::Threads{3});
        CHECK(after_five_steps<float>(one, optimizer, 50000, 3) ==
              after_five_steps<float>(three, optimizer, 50000, 3));
    }
}

TEST_CASE("optimizers give the same bits wherever the slabs lie") {
    // A rate at which each bit of a step shows in a parameter.
    for (const daf::Optimizer& optimizer :
         {daf::Optimizer{Adam{.learning_rate = 100, .weight_decay = 0.1}}, daf::Optimizer{Sgd{}}}) {
        daf::Cpu cpu(daf::Threads{2});
        constexpr Index size = 1003;
        const Slabs<float> slabs(size, 0);
        const auto updated_at = [&](std::size_t offset) {
            const auto moved = [&](const std::vector<float>& from) {
                std::vector<float> to(offset);
                to.insert(to.end(), from.begin(), from.end());
                return to;
            };
            auto p = moved(slabs.p), m = moved(slabs.p), v = moved(slabs.g);
            const auto g = moved(slabs.g);
            for (float& x : v) x *= x;
            daf::update(cpu, optimizer,
                        daf::UpdateCall<float>{p.data() + offset, g.data() + offset, m.data() + offset,
                                               v.data() + offset, size, 0, 3});
            return std::vector<float>(p.end() - size, p.end());
        };
        for (std::size_t offset = 1; offset < 16; ++offset) CHECK(updated_at(offset) == updated_at(0));
    }
}

TEST_CASE_TEMPLATE("square roots of packets are those of the standard library, to the bit", T, float,
                   double) {
    using P = daf::cpu::Packet<T>;
    daf::RandomSequence random(daf::Stream{daf::Seed{3}});
    const T largest = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::min();
    for (int round = 0; round < 2000; ++round) {
        T values[daf::cpu::lanes<T>] = {round == 0   ? T(0)
                                        : round == 1 ? INFINITY
                                        : round == 2 ? largest
                                                     : least};
        for (T& v : values) {
            if (round > 2) v = static_cast<T>(std::exp(random.uniform(-60, 60)));
        }
        T roots[daf::cpu::lanes<T>];
        daf::cpu::packet::pstoreu(roots, daf::cpu::square_root(daf::cpu::packet::ploadu<P>(values)));
        for (Index i = 0; i < daf::cpu::lanes<T>; ++i) REQUIRE(roots[i] == std::sqrt(values[i]));
    }
}

TEST_CASE("Adam on a gradient whose square is too large for a float leaves the element where it is") {
    daf::Cpu cpu(daf::Threads{1});
    Slabs<float> slabs(40, 0);
    const auto before = slabs.p;
    for (float& g : slabs.g) g = 1e30F;
    daf::update(cpu, Adam{}, slabs.call(1));
    CHECK(slabs.p == before);
}

TEST_CASE("Adam by hand: the first step is the rate in the gradient's direction") {
    daf::Reference reference;
    Slabs<double> slabs(1, 1);
    slabs.p = {1, 2};
    slabs.g = {0.5, -3};
    daf::update(reference, Adam{.learning_rate = 0.1}, slabs.call(1));
    // m = 0.1 g, v = 0.001 g^2; corrected m = g, v = g^2; p -= 0.1 g / (|g| + 1e-8)
    CHECK(slabs.p[0] == doctest::Approx(0.9));
    CHECK(slabs.p[1] == doctest::Approx(2.1));
    CHECK(slabs.m[1] == doctest::Approx(-0.3));
    CHECK(slabs.v[1] == doctest::Approx(0.009));
}

TEST_CASE("SGD with Nesterov momentum by hand") {
    daf::Reference reference;
    Slabs<double> slabs(1, 0);
    slabs.p = {1};
    slabs.g = {2};
    daf::update(reference, Sgd{.learning_rate = 0.1, .momentum = 0.5}, slabs.call(1));
    // b = 2, p = 1 - 0.1 (2 + 0.5 * 2)
    CHECK(slabs.p[0] == doctest::Approx(0.7));
    daf::update(reference, Sgd{.learning_rate = 0.1, .momentum = 0.5}, slabs.call(2));
    // b = 0.5 * 2 + 2 = 3, p = 0.7 - 0.1 (2 + 1.5)
    CHECK(slabs.p[0] == doctest::Approx(0.35));
}

TEST_CASE("weight decay reaches the decayed segment alone, and a zero gradient moves nothing else") {
    daf::Cpu cpu(daf::Threads{1});
    for (const daf::Optimizer& optimizer :
         {daf::Optimizer{Adam{.weight_decay = 0.1}}, daf::Optimizer{Sgd{.weight_decay = 0.1}}}) {
        Slabs<double> slabs(1, 1);
        slabs.p = {1, 1};
        slabs.g = {0, 0};
        daf::update(cpu, optimizer, slabs.call(1));
        CHECK(slabs.p[0] < 1);
        CHECK(slabs.p[1] == 1);
    }
}

TEST_CASE("an update allocates nothing, and refuses missing slabs") {
    daf::Cpu cpu(daf::Threads{2});
    Slabs<float> slabs(50000, 10);
    daf::update(cpu, Adam{}, slabs.call(1));
    const daf::Optimizer adam = Adam{};
    const long before = daf_test::allocations();
    daf::update(cpu, adam, slabs.call(2));
    CHECK(daf_test::allocations() == before);
    auto call = slabs.call(3);
    call.second_moment = nullptr;
    CHECK_THROWS_WITH_AS(daf::update(cpu, adam, call),
                         "optimizer: parameters, gradients or moments are null: bind them",
                         daf::ArgumentError);
    CHECK_THROWS_WITH_AS(daf::update(cpu, adam, slabs.call(0)), "optimizer: steps count from 1",
                         daf::ArgumentError);
    for (const double epsilon :
         {0.0, -1e-8, 1e-60, 1e39, std::numeric_limits<double>::infinity()}) {  // 1e-60 is 0 in float
        CHECK_THROWS_WITH_AS(
            daf::update(cpu, Adam{.epsilon = epsilon}, slabs.call(3)),
            doctest::Contains("Adam: epsilon must be a finite number above 0, in float too, but is"),
            daf::ArgumentError);
    }
    const double sum = 0;
    call = slabs.call(1);
    call.previous_loss = &sum;
    CHECK_THROWS_WITH_AS(daf::update(cpu, adam, call),
                         "optimizer: previous_loss and check_previous go together", daf::ArgumentError);
}
