#pragma once
// What the losses with centres promise beside every operator's promises, kept by their GPU kernels.
#include "../../support/losses.hpp"
#include "conform_on_fibers.hpp"

namespace daf_test {

/// All promises, under both ways of moving the centres.
template <class Op>
void conform_both_on_fibers(Op op, Promise promise = {}) {
    op.centre_update = daf::CentreUpdate::exact_gradient;
    conform_on_fibers(op, promise);
    op.centre_update = daf::CentreUpdate::equation_12;
    promise.parameters_follow_gradient = false;
    conform_on_fibers(op, promise);
}

/// update_centres leaves them where the reference does, with the same bits under any schedule.
template <class Op>
void check_update_on_fibers(Op op) {
    const auto moved = [&](auto& ctx) {
        Workbench<Op, double, std::remove_reference_t<decltype(ctx)>> bench(ctx, op, 30, 6);
        bench.forward_train();
        bench.backward(daf::skip);
        daf::update_centres(ctx, bench.op, bench.parameters(), bench.gradients(), 0.3);
        CHECK(bench.edges_whole());
        return bench.slab.copy();
    };
    daf::Reference reference;
    const auto want = moved(reference);
    HostGpu first(1);
    const auto got = moved(first);
    CHECK(relative_difference(got, want) < 1e-11);
    for (const std::uint64_t seed : {2u, 3u}) {
        HostGpu other(seed);
        CHECK(moved(other) == got);
    }
}

}  // namespace daf_test
