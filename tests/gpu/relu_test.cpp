#include <daf/gpu/relu.hpp>
#include <daf/reference/relu.hpp>

#include "support/conform_on_fibers.hpp"

TEST_CASE("relu's kernels keep every promise") {
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<5, 7, 3>>>();
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<17>>>();
}

TEST_CASE("a loop longer than the largest launch is shared out among its blocks") {
    using S = daf::Shape<1000>;
    constexpr daf::Index images = 600;
    static_assert(images * S::size > daf::gpu::most_blocks * 256);
    const std::vector<float> x(images * S::size, 3.0f);
    daf_test::Guarded<float> y(images * S::size);
    daf_test::HostGpu gpu;
    daf::forward<daf::eval>(gpu, daf::Relu<S>{}, daf::batch_of<S>(x), daf::Batch<S, float>(y.data(), images));
    CHECK(y.copy() == x);
    CHECK(y.edges_whole());
}
