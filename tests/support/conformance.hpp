#pragma once
// What every operator promises on every backend. One line tests it all:
//
//   TEST_CASE("relu") { daf_test::conform<daf::Relu<daf::Shape<5, 7, 3>>>(); }
#include <doctest/doctest.h>

#include <daf/cpu/context.hpp>
#include <daf/reference/context.hpp>
#include <initializer_list>
#include <vector>

#include "bench.hpp"

namespace daf_test {

struct Promise {
    double float_tolerance = 2e-5;     // Cpu in float against Reference in double
    double double_tolerance = 1e-12;   // Cpu in double against Reference in double
    double gradient_tolerance = 2e-7;  // against finite differences, in double
    // Activations of bf16 against Reference in double on the same numbers, in rounding steps of bf16: those
    // of its tensors, and those of the parameters' gradients. 0 steps: as exact as float.
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

/// forward<train> and backward with everything poisoned that must not be read.
Result run(Bench& bench);
template <class Op, class T, class Backend>
Result run(Workbench<Op, T, Backend>& workbench) {
    BenchOf<Workbench<Op, T, Backend>&> bench(workbench);
    return run(static_cast<Bench&>(bench));
}

/// How far two results may be apart.
struct Tolerances {
    double y, dx, gradients, state;
    Tolerances(double all) : y(all), dx(all), gradients(all), state(all) {}
};

void check_close(const Result& got, const Result& want, const Tolerances& tolerance);

/// A training pass by both, and y in eval mode, on the same numbers: those that the bench's elements can
/// hold.
void check_against_reference(const MakeBench& make, const MakeBench& make_reference, Index images,
                             std::uint64_t seed, const Tolerances& tolerance, bool whole_numbers = false);

/// dx and the parameters' gradients against central differences of sum y dy, for up to 30 elements of each.
/// In double.
void check_gradients(const MakeBench& make, const Promise& promise, Index images, std::uint64_t seed);

/// accumulate(dx) adds to what is there, gradients of parameters always do, skip leaves dx alone.
void check_accumulation(const MakeBench& make, Index images, double tolerance);

void check_allocates_nothing(const MakeBench& make, Index images);

/// Results of several ways are the same, bit by bit.
void check_same_bits(const std::vector<Result>& results, const char* what, std::initializer_list<int> ways);

/// Contexts made in several ways, make_context(way), give the same bits.
template <class Backend, class MakeContext>
void check_same_bits(const Subject<Backend>& subject, Index images, const char* what,
                     std::initializer_list<int> ways, const MakeContext& make_context) {
    std::vector<Result> results;
    for (const int way : ways) {
        Backend ctx = make_context(way);
        results.push_back(run(*subject.on(ctx)(images, 5)));
    }
    check_same_bits(results, what, ways);
}

/// All promises on one backend but those about its contexts. The doubles of Reference itself are held against
/// nothing.
void conform_on(const MakeBench& in_double, const MakeBench& in_float, const MakeBench& reference,
                const Promise& promise, bool is_reference);

/// With activations of bf16: against Reference to the promised steps of rounding, and accumulation.
void check_in_bf16(const MakeBench& in_bf16, const MakeBench& reference, const Promise& promise);

void conform(const Subjects<daf::Reference>& reference, const Subjects<daf::Cpu>& cpu,
             const Promise& promise);

/// All promises of an operator, on Reference and on Cpu.
template <class Op>
void conform(const Op& op = {}, const Promise& promise = {}) {
    conform(Subjects<daf::Reference>(op), Subjects<daf::Cpu>(op), promise);
}

}  // namespace daf_test
