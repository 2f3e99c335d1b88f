#pragma once
// What every operator promises, kept by its GPU kernels. One line tests it all, as in
// support/conformance.hpp:
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
inline void conform_on_fibers(const Subjects<HostGpu>& subjects, const Subject<HostGpu>& in_bf16,
                              const Subject<daf::Reference>& in_reference, const Promise& promise) {
    daf::Reference oracle;
    const MakeBench reference = in_reference.on(oracle);
    HostGpu gpu;
    conform_on(subjects.in_double.on(gpu), subjects.in_float.on(gpu), reference, promise, false);
    const MakeBench bf16_benches = in_bf16.on(gpu);
    check_in_bf16(bf16_benches, reference, promise);
    const auto scheduled = [](int seed) { return HostGpu(static_cast<std::uint64_t>(seed)); };
    for (const Index images : promise.batches) {
        check_allocates_nothing(bf16_benches, images);
        for (const auto& subject : {subjects.in_float, subjects.in_double, in_bf16}) {
            check_same_bits(subject, images, "schedule", {1, 2, 3, 4}, scheduled);
        }
    }
}

template <class Op>
void conform_on_fibers(const Op& op = {}, const Promise& promise = {}) {
    conform_on_fibers(Subjects<HostGpu>(op), subject<daf::bf16, HostGpu>(op),
                      subject<double, daf::Reference>(op), promise);
}

}  // namespace daf_test
