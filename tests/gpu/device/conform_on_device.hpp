#pragma once
// What every operator promises, kept by daf::Gpu. One line tests it all, as in support/conformance.hpp:
//
//   TEST_CASE("relu") { daf_test::conform_on_device<daf::Relu<daf::Shape<5, 7, 3>>>(); }
#include "../../support/conformance.hpp"
#include "../../support/losses.hpp"
#include "../support/stand_in_runtime.hpp"
#include "device_workbench.hpp"

namespace daf_test {

/// Against Reference, against finite differences, accumulation, untouched edges, in bf16 too; and the same bits in ten runs,
/// each with a context of its own.
template <class Op>
void conform_on_device(Op op = {}, Promise promise = {}) {
    daf::Gpu gpu;
    for (const Index count : promise.batches) {
        for (const std::uint64_t seed : promise.seeds) {
            INFO("batch ", count, ", seed ", seed);
            check_against_reference<Op, double>(gpu, op, count, seed, promise.double_tolerance);
            check_against_reference<Op, float>(gpu, op, count, seed, promise.float_tolerance);
            if (count <= 3) check_gradients(gpu, op, promise, count, seed);
        }
        check_accumulation<Op, double>(gpu, op, count, 1e-12);
    }
    check_in_bf16(gpu, op, promise);
    const auto new_context = [](int) { return daf::Gpu(); };
    const Index count = promise.batches.back();
    check_same_bits<Op, float>(op, count, "run", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, new_context);
    check_same_bits<Op, double>(op, count, "run", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, new_context);
    check_same_bits<Op, daf::bf16>(op, count, "run", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, new_context);
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
