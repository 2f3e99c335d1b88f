#include <daf/gpu/relu.hpp>
#include <daf/reference/relu.hpp>

#include "support/conform_on_fibers.hpp"
#include "support/noise.hpp"

TEST_CASE("relu's kernels keep every promise") {
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<5, 7, 3>>>();
    daf_test::conform_on_fibers<daf::Relu<daf::Shape<17>>>();
}

TEST_CASE("a loop longer than the largest launch is shared out among its blocks") {
    // By packs where the maps are aligned, else element by element.
    using S = daf::Shape<1000>;
    constexpr daf::Index images = 2200;
    static_assert(images * S::size > daf::gpu::most_blocks * 256 * daf::gpu::widest<float>);
    const std::vector<float> x = daf_test::noise<float>(images * S::size + 1, 1);
    for (const daf::Index shift : {0, 1}) {
        daf_test::Guarded<float> y(images * S::size);
        daf_test::HostGpu gpu;
        const daf::Batch<S, const float> from(x.data() + shift, images);
        daf::forward<daf::eval>(gpu, daf::Relu<S>{}, from, daf::Batch<S, float>(y.data(), images));
        std::vector<float> want(from.data(), from.data() + from.size());
        for (float& value : want) value = std::max(value, 0.0f);
        CHECK(y.copy() == want);
        CHECK(y.edges_whole());
    }
}
