#include "conformance.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <daf/core/random.hpp>

#include "allocations.hpp"

namespace daf_test {

Result run(Bench& bench) {
    bench.forward_train();
    const auto buffers = bench.buffers();
    const auto facts = bench.facts();
    Result result;
    result.y = buffers.y.widened();
    const auto x = buffers.x.widened();
    if (!facts.backward_reads_x) buffers.x.poison();
    if (!facts.backward_reads_y) buffers.y.poison();
    bench.poison_scratch();
    bench.backward_overwriting_dx();
    buffers.x.set_all(x);
    result.dx = buffers.dx.widened();
    result.gradients = buffers.gradients.widened();
    result.state = buffers.parameters.widened();
    return result;
}

void check_close(const Result& got, const Result& want, const Tolerances& tolerance) {
    CHECK(relative_difference(got.y, want.y) <= tolerance.y);
    CHECK(relative_difference(got.dx, want.dx) <= tolerance.dx);
    CHECK(relative_difference(got.gradients, want.gradients) <= tolerance.gradients);
    CHECK(relative_difference(got.state, want.state) <= tolerance.state);
}

namespace {

/// Small whole numbers in place of what was drawn. A large map has many zeros: sums over its many channels
/// stay among the whole numbers that bf16 holds, which are those up to 256.
void draw_whole_numbers(Bench& bench, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 2, 77});
    const auto buffers = bench.buffers();
    const auto draw = [&](Buffer& values, Index count) {
        for (Index i = 0; i < count; ++i) values.set(i, random.below(5) - 2.0);
    };
    draw(buffers.x, buffers.x.size());
    draw(buffers.dy, buffers.dy.size());
    draw(buffers.parameters, bench.facts().trained);
    if (buffers.x.size() < 1 << 15) return;
    for (Index i = 0; i < buffers.x.size(); ++i) {
        if (random.below(8) != 0) buffers.x.set(i, 0);
    }
}

}  // namespace

void check_against_reference(const MakeBench& make, const MakeBench& make_reference, Index images,
                             std::uint64_t seed, const Tolerances& tolerance, bool whole_numbers) {
    const auto bench = make(images, seed), oracle = make_reference(images, seed);
    if (whole_numbers) draw_whole_numbers(*bench, seed);
    const auto mine = bench->buffers(), its = oracle->buffers();
    its.x.set_all(mine.x.widened());
    its.dy.set_all(mine.dy.widened());
    its.parameters.set_all(mine.parameters.widened());

    bench->forward_eval();
    oracle->forward_eval();
    CHECK(relative_difference(mine.y.widened(), its.y.widened()) <= tolerance.y);
    bench->poison_outputs();
    const Result got = run(*bench), want = run(*oracle);
    check_close(got, want, tolerance);
    CHECK(bench->edges_whole());
}

namespace {

/// d(sum y dy)/dv by central differences for these elements of `values`, against `analytic`.
void check_slopes(Bench& bench, Buffer& values, const std::vector<double>& analytic,
                  const std::vector<Index>& which, double tolerance, const char* what) {
    const auto buffers = bench.buffers();
    const auto parameters = buffers.parameters.widened();  // training forward moves running statistics
    const auto objective_at = [&](Index i, double value) {
        values.set(i, value);
        bench.poison_outputs();
        bench.forward_train();
        double sum = 0;
        for (Index k = 0; k < buffers.y.size(); ++k) sum += buffers.y.get(k) * buffers.dy.get(k);
        buffers.parameters.set_all(parameters);
        return sum;
    };
    double scale = 0;
    for (const double slope : analytic) scale = std::max(scale, std::abs(slope));
    for (const Index i : which) {
        const double kept = values.get(i), step = 1e-5 * std::max(1.0, std::abs(kept));
        const double above = objective_at(i, kept + step), below = objective_at(i, kept - step);
        values.set(i, kept);
        const double numeric = (above - below) / (2 * step), slope = analytic[static_cast<std::size_t>(i)];
        INFO(what, " ", i, ": by differences ", numeric, ", by backward ", slope);
        CHECK(std::abs(numeric - slope) <= tolerance * (std::abs(numeric) + scale + 1e-3));
    }
}

std::vector<Index> sample_of(Index size, std::uint64_t seed) {
    std::vector<Index> chosen;
    if (size <= 30) {
        for (Index i = 0; i < size; ++i) chosen.push_back(i);
        return chosen;
    }
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 1, 78});
    for (int i = 0; i < 30; ++i) chosen.push_back(random.below(static_cast<std::uint32_t>(size)));
    return chosen;
}

}  // namespace

void check_gradients(const MakeBench& make, const Promise& promise, Index images, std::uint64_t seed) {
    const auto bench = make(images, seed);
    const auto buffers = bench->buffers();
    const auto parameters = buffers.parameters.widened();
    const Result result = run(*bench);
    buffers.parameters.set_all(parameters);
    check_slopes(*bench, buffers.x, result.dx, sample_of(buffers.x.size(), seed), promise.gradient_tolerance,
                 "x");
    if (!promise.parameters_follow_gradient) return;
    check_slopes(*bench, buffers.parameters, result.gradients, sample_of(bench->facts().trained, seed + 1),
                 promise.gradient_tolerance, "parameter");
}

void check_accumulation(const MakeBench& make, Index images, double tolerance) {
    const Result once = run(*make(images, 3));
    const auto again = make(images, 3);
    const auto buffers = again->buffers();
    again->forward_train();
    const auto read = [&] {
        return std::array{buffers.x.widened(), buffers.y.widened(), buffers.dy.widened(),
                          buffers.parameters.widened()};
    };
    const auto before = read();
    again->backward_without_dx();
    for (const double v : buffers.dx.widened()) CHECK_UNARY(std::isnan(v));
    CHECK(read() == before);
    buffers.dx.set_all(std::vector<double>(static_cast<std::size_t>(buffers.dx.size()), 2.0));
    again->backward_adding_to_dx();
    CHECK(read() == before);
    std::vector<double> dx = once.dx, gradients = once.gradients;
    for (double& v : dx) v += 2;
    for (double& v : gradients) v *= 2;
    CHECK(relative_difference(buffers.dx.widened(), dx) <= tolerance);
    CHECK(relative_difference(buffers.gradients.widened(), gradients) <= tolerance);
    again->backward_overwriting_dx();
    CHECK(read() == before);
}

void check_allocates_nothing(const MakeBench& make, Index images) {
    const auto bench = make(images, 4);
    const auto pass = [&] {
        bench->forward_train();
        bench->backward_overwriting_dx();
        bench->forward_eval();
    };
    pass();
    const long before = allocations();
    pass();
    CHECK(allocations() - before == 0);
}

namespace {
/// Unlike ==: 0 is not -0, and a NaN is itself.
bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return std::ranges::equal(a, b, {}, std::bit_cast<std::uint64_t, double>,
                              std::bit_cast<std::uint64_t, double>);
}
}  // namespace

void check_same_bits(const std::vector<Result>& results, const char* what, std::initializer_list<int> ways) {
    for (std::size_t i = 1; i < results.size(); ++i) {
        INFO(what, " ", ways.begin()[i]);
        CHECK(same_bits(results[i].y, results[0].y));
        CHECK(same_bits(results[i].dx, results[0].dx));
        CHECK(same_bits(results[i].gradients, results[0].gradients));
        CHECK(same_bits(results[i].state, results[0].state));
    }
}

void conform_on(const MakeBench& in_double, const MakeBench& in_float, const MakeBench& reference,
                const Promise& promise, bool is_reference) {
    for (const Index images : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("batch ", images, ", seed ", seed);
            if (!is_reference) {
                check_against_reference(in_double, reference, images, seed, promise.double_tolerance);
            }
            check_against_reference(in_float, reference, images, seed, promise.float_tolerance);
            if (images <= 3) check_gradients(in_double, promise, images, seed);
        }
        check_accumulation(in_double, images, 1e-12);
        check_allocates_nothing(in_float, images);
    }
}

void check_in_bf16(const MakeBench& in_bf16, const MakeBench& reference, const Promise& promise) {
    constexpr double step = 0x1p-8;
    Tolerances tolerance(promise.float_tolerance);
    const bool rounds_y = in_bf16(1, 1)->buffers().y.element() == Buffer::Element::bf16;  // a loss does not
    if (rounds_y) tolerance.y = promise.bf16_steps * step;
    tolerance.dx = promise.bf16_steps * step;
    if (promise.bf16_gradient_steps > 0) tolerance.gradients = promise.bf16_gradient_steps * step;
    for (const Index images : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("bf16, batch ", images, ", seed ", seed);
            check_against_reference(in_bf16, reference, images, seed, tolerance, promise.whole_numbers);
        }
        check_accumulation(in_bf16, images, step);
    }
}

void conform(const Subjects<daf::Reference>& reference, const Subjects<daf::Cpu>& cpu,
             const Promise& promise) {
    daf::Reference of_oracle;  // its own: nobody else's scratch is in it
    const MakeBench oracle = reference.in_double.on(of_oracle);
    {
        INFO("Reference");
        daf::Reference ctx;
        conform_on(reference.in_double.on(ctx), reference.in_float.on(ctx), oracle, promise, true);
    }
    INFO("Cpu");
    const auto with_threads = [&](int threads) {
        daf::Cpu some(daf::Threads{threads});
        some.set_convolution(promise.convolution);
        return some;
    };
    daf::Cpu two = with_threads(2);
    conform_on(cpu.in_double.on(two), cpu.in_float.on(two), oracle, promise, false);
    for (const Index images : promise.batches) {
        check_same_bits(cpu.in_float, images, "threads", {1, 2, 3, 4, 8}, with_threads);
        check_same_bits(cpu.in_double, images, "threads", {1, 2, 3, 4, 8}, with_threads);
    }
}

}  // namespace daf_test
