#pragma once
// For the tests of losses: cases written down as numbers, and what update_centres promises.
#include <doctest/doctest.h>

#include <daf/cpu/context.hpp>
#include <daf/ops/class_centres.hpp>
#include <daf/reference/context.hpp>
#include <initializer_list>

#include "allocations.hpp"
#include "scratch_folder.hpp"
#include "workbench.hpp"

namespace daf_test {

/// Runs test(ctx) on Reference and on Cpu.
template <class Test>
void on_each_backend(const Test& test) {
    {
        INFO("Reference");
        daf::Reference reference;
        test(reference);
    }
    {
        INFO("Cpu");
        daf::Cpu cpu(daf::Threads{2});
        test(cpu);
    }
}

/// A batch of a loss, given number by number; every dy is 1 until set.
template <class Op, class Backend, class T = double>
struct LossCase : Workbench<Op, T, Backend> {
    using Base = Workbench<Op, T, Backend>;

    LossCase(Backend& context, Op the_op, std::initializer_list<T> inputs,
             std::initializer_list<std::int32_t> classes)
        : Base(context, the_op, static_cast<Index>(classes.size()), 1) {
        REQUIRE(static_cast<Index>(inputs.size()) == Base::x.size());
        std::copy(inputs.begin(), inputs.end(), Base::x.data());
        std::copy(classes.begin(), classes.end(), Base::labels.data());
        Base::dy.fill(T(1));
    }

    void set_centres(std::initializer_list<T> values) {
        REQUIRE(static_cast<Index>(values.size()) == Base::slab.size());
        std::copy(values.begin(), values.end(), Base::slab.data());
    }
    void weigh(std::initializer_list<T> values) { std::copy(values.begin(), values.end(), Base::dy.data()); }
    void pass() {
        Base::forward_train();
        Base::backward(daf::overwrite(Base::dx_batch()));
    }
    void update(double alpha) {
        daf::update_centres(Base::ctx, Base::op, Base::parameters(), Base::gradients(), alpha);
    }

    std::vector<T> losses() { return Base::y.copy(); }
    std::vector<T> slopes() { return Base::dx.copy(); }
    std::vector<T> centres() { return Base::slab.copy(); }
    template <class V>
    static std::vector<T> values(V view) {
        return {view.data(), view.data() + view.size()};
    }
};

/// A step of update_centres on Cpu is Reference's, has the same bits at any number of threads, stays inside
/// its buffers, reads no stale scratch and allocates nothing.
template <class Op, class T>
void check_centre_update(Op op, Index count, double tolerance) {
    const auto step = [&](auto& bench) {
        bench.forward_train();
        bench.backward(daf::skip);
        bench.poison_scratch();
        daf::update_centres(bench.ctx, bench.op, bench.parameters(), bench.gradients(), 0.3);
        CHECK(bench.edges_whole());
    };
    daf::Reference reference;
    Workbench<Op, double, daf::Reference> oracle(reference, op, count, 6);
    std::vector<T> first;
    for (const int threads : {1, 2, 3, 4, 8}) {
        INFO("batch ", count, ", threads ", threads);
        daf::Cpu cpu(daf::Threads{threads});
        Workbench<Op, T, daf::Cpu> bench(cpu, op, count, 6);
        if (threads == 1) {
            std::copy_n(bench.x.data(), bench.x.size(), oracle.x.data());
            std::copy_n(bench.slab.data(), bench.slab.size(), oracle.slab.data());
            const auto before = oracle.slab.copy();
            step(oracle);
            CHECK(oracle.slab.copy() != before);
        }
        step(bench);
        CHECK(relative_difference(bench.slab.copy(), oracle.slab.copy()) <= tolerance);
        if (threads == 1) first = bench.slab.copy();
        CHECK(bench.slab.copy() == first);

        const long allocated = allocations();
        daf::update_centres(cpu, op, bench.parameters(), bench.gradients(), 0.3);
        CHECK(allocations() == allocated);
    }
}

/// The same in float and double, over several batches.
template <class Op>
void conform_centre_update(Op op) {
    for (const Index count : {1, 3, 18, 128}) {
        check_centre_update<Op, float>(op, count, 2e-5);
        check_centre_update<Op, double>(op, count, 1e-12);
    }
}

template <class Op>
void check_centre_update_errors(Op op) {
    const std::string name = Op::Header::name;
    on_each_backend([&](auto& ctx) {
        Workbench<Op, double, std::remove_reference_t<decltype(ctx)>> bench(ctx, op, 2, 1);
        auto parameters = bench.parameters();
        auto sums = bench.gradients();
        const auto message = [&](Op given, double alpha) {
            return message_of<daf::ArgumentError>(
                [&] { daf::update_centres(ctx, given, parameters, sums, alpha); });
        };
        CHECK(message(op, std::numeric_limits<double>::quiet_NaN()) ==
              name + ": update_centres: alpha must be finite, but is nan");
        CHECK(contains(message(op, std::numeric_limits<double>::infinity()), "but is inf"));
        Op exact = op;
        exact.centre_update = daf::CentreUpdate::exact_gradient;
        CHECK(
            message(exact, 0.5) ==
            name +
                ": update_centres: these centres follow the exact gradient: leave them to the optimizer, or "
                "choose CentreUpdate::equation_12");
        sums.own_count = {};
        CHECK(message(op, 0.5) == name + ": gradient `own_count` is null: bind it");
        parameters.centres = {};
        CHECK(message(op, 0.5) == name + ": parameter `centres` is null: bind it to memory");
    });
}

}  // namespace daf_test
