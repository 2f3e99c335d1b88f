#pragma once
// What every operator promises, kept by its GPU kernels. One line tests it all, as in support/conformance.hpp:
//
//   TEST_CASE("relu") { daf_test::conform_on_fibers<daf::Relu<daf::Shape<5, 7, 3>>>(); }
#include "../../support/conformance.hpp"
#include "host_gpu.hpp"
#include "product_promise.hpp"

namespace daf_test {

/// For operators whose kernels take many turns.
inline Promise few_batches() {
    Promise promise;
    promise.batches = {1, 7};
    promise.seeds = {1};
    return promise;
}

/// The same for those around products.
inline Promise few_batches_of_products() {
    return of_products(few_batches());
}

/// All promises of an operator on HostGpu, and that its bits do not depend on the order in which threads run.
template <class Op>
void conform_on_fibers(Op op = {}, const Promise& promise = {}) {
    HostGpu gpu;
    conform_on(gpu, op, promise, false);
    conform_in_bf16(gpu, op, promise);
    const auto scheduled = [](int seed) { return HostGpu(static_cast<std::uint64_t>(seed)); };
    for (const Index count : promise.batches) {
        check_same_bits<Op, float>(op, count, "schedule", {1, 2, 3, 4}, scheduled);
        check_same_bits<Op, double>(op, count, "schedule", {1, 2, 3, 4}, scheduled);
        check_same_bits<Op, daf::bf16>(op, count, "schedule", {1, 2, 3, 4}, scheduled);
    }
}

}  // namespace daf_test
