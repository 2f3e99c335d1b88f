#pragma once
// What every operator promises, kept by daf::Gpu. One line tests it all, as in support/conformance.hpp:
//
//   TEST_CASE("relu") { daf_test::conform_on_device<daf::Relu<daf::Shape<5, 7, 3>>>(); }
#include "../../support/conformance.hpp"
#include "../../support/losses.hpp"
#include "../support/stand_in_runtime.hpp"
#include "device_workbench.hpp"

namespace daf_test {

/// The same bits in ten runs, each with a context of its own, whose products are made as chosen.
inline void check_runs(const Subject<daf::Gpu>& subject, Index images, const daf::CudnnChoice& choice = {}) {
    std::vector<Result> results;
    for (int run_number = 1; run_number <= 10; ++run_number) {
        daf::Gpu gpu;
        gpu.set_cudnn(choice);
        results.push_back(run(*subject.on(gpu)(images, 5)));
    }
    check_same_bits(results, "run", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

/// Against Reference, against finite differences, accumulation, untouched edges, in bf16 too; and the same
/// bits in ten runs, each with a context of its own.
inline void conform_on_device(const Subjects<daf::Gpu>& subjects, const Subject<daf::Gpu>& in_bf16,
                              const Subject<daf::Reference>& in_reference, const Promise& promise) {
    daf::Reference oracle;
    const MakeBench reference = in_reference.on(oracle);
    daf::Gpu gpu;
    const MakeBench in_double = subjects.in_double.on(gpu), in_float = subjects.in_float.on(gpu);
    for (const Index images : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("batch ", images, ", seed ", seed);
            check_against_reference(in_double, reference, images, seed, promise.double_tolerance);
            check_against_reference(in_float, reference, images, seed, promise.float_tolerance);
            if (images <= 3) check_gradients(in_double, promise, images, seed);
        }
        check_accumulation(in_double, images, 1e-12);
    }
    check_in_bf16(in_bf16.on(gpu), reference, promise);
    for (const auto& subject : {subjects.in_float, subjects.in_double, in_bf16}) {
        check_runs(subject, promise.batches.back());
    }
}

template <class Op>
void conform_on_device(const Op& op = {}, const Promise& promise = {}) {
    conform_on_device(Subjects<daf::Gpu>(op), subject<daf::bf16, daf::Gpu>(op),
                      subject<double, daf::Reference>(op), promise);
}

/// For losses with centres: both ways of moving them.
template <class Op>
void conform_both_on_device(Op op, Promise promise = {}) {
    op.centre_update = daf::CentreUpdate::exact_gradient;
    conform_on_device(op, promise);
    op.centre_update = daf::CentreUpdate::equation_12;
    promise.parameters_follow_gradient = false;
    conform_on_device(op, promise);
}

inline Promise one_batch(double double_tolerance = 1e-12) {
    Promise promise;
    promise.batches = {3};
    promise.seeds = {1};
    promise.double_tolerance = double_tolerance;
    return promise;
}

}  // namespace daf_test
