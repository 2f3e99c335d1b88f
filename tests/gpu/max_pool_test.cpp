#include <cmath>
#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/reference/max_pool.hpp>

#include "support/conform_on_fibers.hpp"

using daf::MaxPool;
using daf::Shape;
using daf_test::conform_on_fibers;

namespace {

/// Numbers of few kinds, so that maxima repeat and windows hold several NaNs; y and winners against a plain
/// search.
template <class Op, class T>
void check_winners() {
    using In = typename Op::Input;
    using Out = typename Op::Output;
    constexpr daf::Index images = 2, window = Op::window;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, T, daf_test::HostGpu> bench(gpu, Op{}, images, 1);
    daf::RandomSequence random(daf::Stream{daf::Seed{5}});
    for (daf::Index i = 0; i < bench.x.size(); ++i) {
        const double kind = std::floor(random.normal());
        bench.x[i] = static_cast<T>(kind > 1 ? daf::gpu::no_number : kind);
    }
    bench.forward_train();
    for (daf::Index o = 0; o < bench.y.size(); ++o) {
        const daf::Index c = o % Out::channels, column = o / Out::channels % Out::width,
                         row = o / Out::channels / Out::width % Out::height, n = o / Out::size;
        daf::Index at = 0;
        double largest = 0;
        for (daf::Index k = 0; k < window * window; ++k) {
            const daf::Index place =
                n * In::size +
                ((row * window + k / window) * In::width + column * window + k % window) * In::channels + c;
            const auto value = static_cast<double>(bench.x[place]);
            if (k == 0 || value > largest || std::isnan(value)) largest = value, at = k;
        }
        CHECK(bench.saved().winner.data()[o] == at);
        CHECK((static_cast<double>(bench.y[o]) == largest ||
               (std::isnan(largest) && bench.y[o] != bench.y[o])));
    }
}

}  // namespace

TEST_CASE("max pooling's kernels keep every promise") {
    conform_on_fibers<MaxPool<Shape<6, 4, 3>>>();
    conform_on_fibers<MaxPool<Shape<5, 7, 17>>>();
    conform_on_fibers<MaxPool<Shape<5, 6, 16>>>();
    conform_on_fibers<MaxPool<Shape<7, 9, 4>, 3>>();
    conform_on_fibers<MaxPool<Shape<7, 6, 16>, 3>>();
    conform_on_fibers<MaxPool<Shape<3, 5, 8>, 1>>();
    conform_on_fibers<MaxPool<Shape<15, 31, 2>, 15>>({}, daf_test::few_batches());
}

TEST_CASE("of equal maxima the first alone takes the gradient, and a NaN is the maximum") {
    using Op = MaxPool<Shape<2, 6, 1>>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Op, float, daf_test::HostGpu> bench(gpu, Op{}, 1, 1);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{3, 3, 0, 2, 9, 1,  //
                               3, 3, 2, 2, 1, nan};
    std::copy(x.begin(), x.end(), bench.x.data());
    bench.dy.fill(1.0f);
    bench.forward_train();
    bench.backward(daf::overwrite(bench.dx_batch()));
    CHECK(bench.y[0] == 3);
    CHECK(bench.y[1] == 2);
    CHECK(std::isnan(bench.y[2]));
    CHECK(bench.dx.copy() == std::vector<float>{1, 0, 0, 1, 0, 0,  //
                                                0, 0, 0, 0, 0, 1});
}

TEST_CASE_TEMPLATE("windows of 2 and of 3 take the first of equals and the last NaN, in packs and singly", T,
                   float, double, daf::bf16) {
    check_winners<MaxPool<Shape<6, 6, 8>, 2>, T>();
    check_winners<MaxPool<Shape<7, 5, 3>, 2>, T>();
    check_winners<MaxPool<Shape<6, 6, 8>, 3>, T>();
    check_winners<MaxPool<Shape<7, 8, 3>, 3>, T>();
}

TEST_CASE_TEMPLATE("a map that is made as it is pooled gives the bits of a stored one", T, float, double,
                   daf::bf16) {
    using Conv = daf::ConvBnRelu<Shape<5, 6, 3>, 16>;
    using Pool = MaxPool<Conv::Output>;
    daf_test::HostGpu gpu;
    daf_test::Workbench<Conv, T, daf_test::HostGpu> conv(gpu, {}, 3, 1);
    daf_test::Workbench<Pool, T, daf_test::HostGpu> pool(gpu, {}, 3, 1);
    conv.forward_train();
    std::copy_n(conv.y.data(), conv.y.size(), pool.x.data());
    pool.forward_train();
    const auto stored = pool.y.copy();
    const auto winners = pool.saved_memory.copy();

    const daf::Deferred<Conv, T> y{daf::read_only<Conv, daf::Wide<T>>(conv.parameters()), conv.saved(), 3};
    conv.y.poison();
    pool.poison_outputs();
    daf::forward<daf::train>(gpu, Conv{}, conv.x_batch(), y, conv.parameters(), conv.saved());
    daf::forward<daf::train>(gpu, Pool{}, y, pool.y_batch(), daf::Nothing{}, pool.saved());
    CHECK(pool.y.copy() == stored);
    CHECK(pool.saved_memory.copy() == winners);
    const auto written = pool.x.copy();
    pool.x.poison();
    daf::write_out(gpu, y, daf::Batch<Conv::Output, T>{pool.x.data(), 3});
    CHECK(pool.x.copy() == written);
}
