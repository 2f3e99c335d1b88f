#include <daf/gpu/softmax_cross_entropy.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>

#include "../support/losses.hpp"
#include "support/conform_on_fibers.hpp"

using daf::Shape;
using daf::SoftmaxCrossEntropy;
using daf_test::HostGpu;
using daf_test::LossCase;

TEST_CASE("softmax cross-entropy's kernels keep every promise") {
    daf_test::conform_on_fibers<SoftmaxCrossEntropy<Shape<1>>>();
    daf_test::conform_on_fibers<SoftmaxCrossEntropy<Shape<7>>>();
    daf_test::conform_on_fibers<SoftmaxCrossEntropy<Shape<65>>>();
}

TEST_CASE("softmax cross-entropy's kernels survive large logits and pass a NaN on") {
    HostGpu gpu;
    using Op = SoftmaxCrossEntropy<Shape<3>>;
    LossCase<Op, HostGpu, float> loss(gpu, {}, {1e4f, 1e4f, -1e4f, 0.0f, 3e38f, -3e38f}, {0, 1});
    loss.pass();
    CHECK(loss.y[0] == doctest::Approx(std::log(2.0)));
    CHECK(loss.y[1] == 0);
    for (daf::Index at = 0; at < 3; ++at) {
        LossCase<Op, HostGpu, float> broken(gpu, {}, {1, 2, 3}, {2});
        broken.x[at] = std::numeric_limits<float>::quiet_NaN();
        broken.pass();
        CHECK(std::isnan(broken.y[0]));
        for (const float slope : broken.slopes()) CHECK(std::isnan(slope));
    }
}
