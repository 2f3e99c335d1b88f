#include <daf/gpu/dual_attention.hpp>
#include <daf/reference/dual_attention.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Arrangement;
using daf::DualAttention;
using daf::Hidden;
using daf::Shape;
using daf_test::conform_on_fibers;
using daf_test::HostGpu;

TEST_CASE("dual attention's kernels keep every promise in each arrangement") {
    conform_on_fibers<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::channel_first>>(
        {}, daf_test::few_batches());
    conform_on_fibers<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::spatial_first>>(
        {}, daf_test::few_batches());
    conform_on_fibers<DualAttention<Shape<5, 7, 6>, 2, 3, Arrangement::parallel>>({},
                                                                                  daf_test::few_batches());
    conform_on_fibers<DualAttention<Shape<4, 2, 39>, 3, 7, Arrangement::channel_first, Hidden::sigmoid>>(
        {}, daf_test::few_batches());
}

TEST_CASE("dual attention's kernels keep them at the size of the network `lite`") {
    conform_on_fibers<DualAttention<Shape<3, 3, 128>>>({}, daf_test::few_batches());
}

namespace {

/// Against Reference on a map as ReLU leaves it: whole numbers, many of them 0, so that most maxima are ties.
template <Arrangement A>
void check_ties() {
    using Op = DualAttention<Shape<4, 5, 40>, 2, 3, A>;
    HostGpu gpu;
    daf::Reference reference;
    daf_test::Workbench<Op, double, HostGpu> bench(gpu, {}, 3, 9);
    daf_test::Workbench<Op, double, daf::Reference> oracle(reference, {}, 3, 9);
    daf::RandomSequence random(daf::Stream{daf::Seed{9}, 0, 0});
    for (daf::Index i = 0; i < bench.x.size(); ++i) {
        const bool dark = i / 40 % 3 == 0;  // every third position: all channels equal
        bench.x[i] = oracle.x[i] = dark ? 0 : std::max(0.0, random.below(4) - 1.0);
    }
    daf_test::check_close(daf_test::run(bench), daf_test::run(oracle), 1e-12);
}

}  // namespace

TEST_CASE("the first of equal maxima takes the gradient, whichever lane sees it") {
    check_ties<Arrangement::channel_first>();
    check_ties<Arrangement::spatial_first>();
    check_ties<Arrangement::parallel>();
}

TEST_CASE("a NaN in the map shows in its image alone") {
    HostGpu gpu;
    using Op = DualAttention<Shape<3, 4, 40>, 4, 3>;
    daf_test::Workbench<Op, float, HostGpu> bench(gpu, {}, 2, 1);
    bench.x[77] = std::numeric_limits<float>::quiet_NaN();
    bench.forward_train();
    CHECK(std::isnan(bench.y[77]));
    CHECK(std::isnan(bench.saved().channel_pools[0][40 + 77 % 40]));
    for (daf::Index i = Op::Output::size; i < bench.y.size(); ++i) REQUIRE(std::isfinite(bench.y[i]));
}
