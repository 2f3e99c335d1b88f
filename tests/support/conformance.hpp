#pragma once
// What every operator promises on every backend. One line tests it all:
//
//   TEST_CASE("relu") { daf_test::conform<daf::Relu<daf::Shape<5, 7, 3>>>(); }
#include <doctest/doctest.h>

#include <daf/cpu/context.hpp>
#include <daf/reference/context.hpp>
#include <sstream>

#include "allocations.hpp"
#include "workbench.hpp"

namespace daf_test {

struct Promise {
    double float_tolerance = 2e-5;     // Cpu in float against Reference in double, per tensor
    double double_tolerance = 1e-12;   // Cpu in double against Reference in double
    double gradient_tolerance = 2e-7;  // against finite differences, in double
    // Activations of bf16 against Reference in double on the same numbers, in rounding steps of bf16: those of its tensors, and
    // those of the parameters' gradients. 0 steps: as exact as float.
    double bf16_steps = 1;
    double bf16_gradient_steps = 0;
    bool whole_numbers = false;              // in bf16: inputs of which products and their sums are exact
    bool parameters_follow_gradient = true;  // false under Eq 12, which is not a gradient
    daf::Convolution convolution = daf::Convolution::automatic;
    std::vector<Index> batches = {1, 3, 18};
    std::vector<std::uint64_t> seeds = {1, 2};
};

/// The results of one training pass, in double.
struct Result {
    std::vector<double> y, dx, gradients, state;
};

template <class T>
std::vector<double> widen(Guarded<T>& values) {
    return {values.data(), values.data() + values.size()};
}

/// forward<train> and backward with everything poisoned that must not be read.
template <class Op, class T, class Backend>
Result run(Workbench<Op, T, Backend>& bench) {
    bench.forward_train();
    Result result;
    result.y = widen(bench.y);
    const auto x = bench.x.copy();
    if (!Op::backward_reads_x) bench.x.poison();
    if (!Op::backward_reads_y) bench.y.poison();
    bench.poison_scratch();
    bench.backward(daf::overwrite(bench.dx_batch()));
    std::copy(x.begin(), x.end(), bench.x.data());
    result.dx = widen(bench.dx);
    result.gradients = widen(bench.gradient_slab);
    result.state = widen(bench.slab);
    return result;
}

/// How far two results may be apart.
struct Tolerances {
    double y, dx, gradients, state;
    Tolerances(double all) : y(all), dx(all), gradients(all), state(all) {}
};

inline void check_close(const Result& got, const Result& want, const Tolerances& tolerance) {
    CHECK(relative_difference(got.y, want.y) <= tolerance.y);
    CHECK(relative_difference(got.dx, want.dx) <= tolerance.dx);
    CHECK(relative_difference(got.gradients, want.gradients) <= tolerance.gradients);
    CHECK(relative_difference(got.state, want.state) <= tolerance.state);
}

/// d(sum y dy)/dv by central differences for up to 30 elements of `values`, against `analytic`.
template <class Bench>
void check_slopes(Bench& bench, double* values, const std::vector<double>& analytic,
                  const std::vector<Index>& which, double tolerance, const char* what) {
    const std::vector<double> slab = bench.slab.copy();  // training forward moves running statistics
    const auto objective = [&] {
        bench.poison_outputs();
        bench.forward_train();
        double sum = 0;
        for (Index i = 0; i < bench.y.size(); ++i) sum += bench.y[i] * bench.dy[i];
        return sum;
    };
    double scale = 0;
    for (const double slope : analytic) scale = std::max(scale, std::abs(slope));
    for (const Index i : which) {
        const double kept = values[i], step = 1e-5 * std::max(1.0, std::abs(kept));
        values[i] = kept + step;
        const double above = objective();
        std::copy(slab.begin(), slab.end(), bench.slab.data());
        values[i] = kept - step;
        const double below = objective();
        std::copy(slab.begin(), slab.end(), bench.slab.data());
        values[i] = kept;
        const double numeric = (above - below) / (2 * step);
        INFO(what, " ", i, ": by differences ", numeric, ", by backward ",
             analytic[static_cast<std::size_t>(i)]);
        CHECK(std::abs(numeric - analytic[static_cast<std::size_t>(i)]) <=
              tolerance * (std::abs(numeric) + scale + 1e-3));
    }
}

inline std::vector<Index> sample_of(Index size, std::uint64_t seed) {
    std::vector<Index> chosen;
    if (size <= 30) {
        for (Index i = 0; i < size; ++i) chosen.push_back(i);
        return chosen;
    }
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 1, 78});
    for (int i = 0; i < 30; ++i) chosen.push_back(random.below(static_cast<std::uint32_t>(size)));
    return chosen;
}

template <class Op, class Backend>
void check_gradients(Backend& ctx, Op op, const Promise& promise, Index count, std::uint64_t seed) {
    Workbench<Op, double, Backend> bench(ctx, op, count, seed);
    const std::vector<double> slab = bench.slab.copy();
    const Result result = run(bench);
    std::copy(slab.begin(), slab.end(), bench.slab.data());
    check_slopes(bench, bench.x.data(), result.dx, sample_of(bench.x.size(), seed),
                 promise.gradient_tolerance, "x");
    if (!promise.parameters_follow_gradient) return;
    // Parameters and gradients share the layout of their trained segments.
    const Index trained = daf::parameter_segments<Op>.trained();
    check_slopes(bench, bench.slab.data(), result.gradients, sample_of(trained, seed + 1),
                 promise.gradient_tolerance, "parameter");
}

/// accumulate(dx) adds to what is there, gradients of parameters always do, skip leaves dx alone.
template <class Op, class T, class Backend>
void check_accumulation(Backend& ctx, Op op, Index count, double tolerance) {
    Workbench<Op, T, Backend> bench(ctx, op, count, 3);
    const Result once = run(bench);
    Workbench<Op, T, Backend> again(ctx, op, count, 3);
    again.forward_train();
    again.backward(daf::skip);
    for (Index i = 0; i < again.dx.size(); ++i) CHECK_UNARY(std::isnan(static_cast<double>(again.dx[i])));
    again.dx.fill(T(2));
    again.backward(daf::accumulate(again.dx_batch()));
    std::vector<double> dx = once.dx, gradients = once.gradients;
    for (double& v : dx) v += 2;
    for (double& v : gradients) v *= 2;
    CHECK(relative_difference(widen(again.dx), dx) <= tolerance);
    CHECK(relative_difference(widen(again.gradient_slab), gradients) <= tolerance);
}

template <class Op, class T, class Backend>
void check_allocates_nothing(Backend& ctx, Op op, Index count) {
    Workbench<Op, T, Backend> bench(ctx, op, count, 4);
    const auto pass = [&] {
        bench.forward_train();
        bench.backward(daf::overwrite(bench.dx_batch()));
        bench.forward_eval();
    };
    pass();
    const long before = allocations();
    pass();
    CHECK(allocations() - before == 0);
}

/// Contexts made in several ways, make(way), give the same bits.
template <class Op, class T, class Make>
void check_same_bits(Op op, Index count, const char* what, std::initializer_list<int> ways,
                     const Make& make) {
    Result first;
    for (const int way : ways) {
        auto ctx = make(way);
        Workbench<Op, T, decltype(ctx)> bench(ctx, op, count, 5);
        const Result result = run(bench);
        if (way == *ways.begin()) {
            first = result;
            continue;
        }
        INFO(what, " ", way);
        CHECK(result.y == first.y);
        CHECK(result.dx == first.dx);
        CHECK(result.gradients == first.gradients);
        CHECK(result.state == first.state);
    }
}

/// Small whole numbers in place of what was drawn.
template <class Op, class Bench>
void draw_whole_numbers(Bench& bench, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 2, 77});
    const auto draw = [&](auto& values) {
        using T = std::remove_cvref_t<decltype(values[0])>;
        for (Index i = 0; i < values.size(); ++i) values[i] = static_cast<T>(random.below(5) - 2.0);
    };
    draw(bench.x);
    draw(bench.dy);
    auto bound = daf::bind<Op>(bench.slab.span());
    daf::for_each_field(bound, [&](const auto& field, auto& view) {
        if (field.role != daf::Role::state) draw(view);
    });
}

template <class Op, class T, class Backend>
void check_against_reference(Backend& ctx, Op op, Index count, std::uint64_t seed,
                             const Tolerances& tolerance, bool whole_numbers = false) {
    daf::Reference reference;
    // The same numbers on both sides: those that T can hold.
    Workbench<Op, T, Backend> bench(ctx, op, count, seed);
    Workbench<Op, double, daf::Reference> oracle(reference, op, count, seed);
    if (whole_numbers) draw_whole_numbers<Op>(bench, seed);
    const auto copy = [](auto& from, auto& to) {
        for (Index i = 0; i < from.size(); ++i) to[i] = static_cast<double>(from[i]);
    };
    copy(bench.x, oracle.x);
    copy(bench.dy, oracle.dy);
    copy(bench.slab, oracle.slab);

    bench.forward_eval();
    oracle.forward_eval();
    CHECK(relative_difference(widen(bench.y), widen(oracle.y)) <= tolerance.y);
    bench.poison_outputs();
    check_close(run(bench), run(oracle), tolerance);
    CHECK(bench.edges_whole());
}

template <class Op, class Backend>
void conform_on(Backend& ctx, Op op, const Promise& promise, bool is_reference) {
    for (const Index count : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("batch ", count, ", seed ", seed);
            if (!is_reference) {
                check_against_reference<Op, double>(ctx, op, count, seed, promise.double_tolerance);
            }
            check_against_reference<Op, float>(ctx, op, count, seed, promise.float_tolerance);
            if (count <= 3) check_gradients(ctx, op, promise, count, seed);
        }
        check_accumulation<Op, double>(ctx, op, count, 1e-12);
        check_allocates_nothing<Op, float>(ctx, op, count);
    }
}

/// With activations of bf16: against Reference to the promised steps of rounding, and accumulation.
template <class Op, class Backend>
void check_in_bf16(Backend& ctx, Op op, const Promise& promise) {
    using daf::bf16;
    constexpr double step = 0x1p-8;
    Tolerances tolerance(promise.float_tolerance);
    if (std::is_same_v<daf::OutputElement<Op, bf16>, bf16>) tolerance.y = promise.bf16_steps * step;
    tolerance.dx = promise.bf16_steps * step;
    if (promise.bf16_gradient_steps > 0) tolerance.gradients = promise.bf16_gradient_steps * step;
    for (const Index count : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("bf16, batch ", count, ", seed ", seed);
            check_against_reference<Op, bf16>(ctx, op, count, seed, tolerance, promise.whole_numbers);
        }
        check_accumulation<Op, bf16>(ctx, op, count, step);
    }
}
template <class Op, class Backend>
void conform_in_bf16(Backend& ctx, Op op, const Promise& promise) {
    check_in_bf16(ctx, op, promise);
    for (const Index count : promise.batches) check_allocates_nothing<Op, daf::bf16>(ctx, op, count);
}

/// All promises of an operator, on Reference and on Cpu.
template <class Op>
void conform(Op op = {}, const Promise& promise = {}) {
    {
        INFO("Reference");
        daf::Reference reference;
        conform_on(reference, op, promise, true);
    }
    {
        INFO("Cpu");
        daf::Cpu cpu(daf::Threads{2});
        cpu.set_convolution(promise.convolution);
        conform_on(cpu, op, promise, false);
        const auto with_threads = [&](int threads) {
            daf::Cpu some(daf::Threads{threads});
            some.set_convolution(promise.convolution);
            return some;
        };
        for (const Index count : promise.batches) {
            check_same_bits<Op, float>(op, count, "threads", {1, 2, 3, 4, 8}, with_threads);
            check_same_bits<Op, double>(op, count, "threads", {1, 2, 3, 4, 8}, with_threads);
        }
    }
}

}  // namespace daf_test
