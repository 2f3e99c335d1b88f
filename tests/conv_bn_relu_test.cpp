#include <daf/core/prepared.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/cpu/max_pool.hpp>
#include <daf/reference/conv_bn_relu.hpp>

#include "support/conformance.hpp"
#include "support/noise.hpp"

using daf::ConvBnRelu;
using daf::Convolution;
using daf::Index;
using daf::Shape;
using daf_test::noise;

namespace {

/// Prepared with the pool behind it, to the bits of both one after the other.
template <class T, class In, Index Features, Index Window>
void check_taken_along(Index count, Convolution algorithm) {
    using Op = ConvBnRelu<In, Features>;
    using Pool = daf::MaxPool<typename Op::Output, Window>;
    static_assert(daf::prepared_as_one<Op, Pool, T, daf::Cpu>);
    static_assert(!daf::prepared_as_one<Op, ConvBnRelu<typename Op::Output, Features>, T, daf::Cpu>);
    static_assert(!daf::prepared_as_one<Op, Op, T, daf::Cpu>);
    CAPTURE(count);
    CAPTURE(static_cast<int>(algorithm));
    std::vector<T> slab = noise<T>(daf::parameter_count<Op>, 1);
    const auto parameters = daf::bind<Op>(std::span(slab));
    for (Index c = 0; c < Features; ++c) {
        const T deviation = parameters.running_var[c];
        parameters.running_var[c] = T(0.5) + deviation * deviation;
    }
    const auto read_only = daf::read_only<Op, T>(parameters);
    std::vector<T> x = noise<T>(count * In::size, 2);
    x.back() = std::numeric_limits<T>::quiet_NaN();
    const auto in = daf::batch_of<In>(std::as_const(x));
    const auto run = [&](int threads, const auto& pass) {
        daf::Cpu cpu(daf::Threads{threads});
        cpu.set_convolution(algorithm);
        std::vector<T> y(static_cast<std::size_t>(count * Pool::Output::size + 1), T(-7));
        pass(cpu, daf::Batch<typename Pool::Output, T>(y.data(), count));
        CHECK(y.back() == T(-7));
        return y;
    };
    const auto bits = [](const std::vector<T>& y) { return std::as_bytes(std::span(y)); };
    const auto same = [&](const std::vector<T>& a, const std::vector<T>& b) {
        return std::ranges::equal(bits(a), bits(b));
    };
    const auto one_after_the_other = run(2, [&](daf::Cpu& cpu, const auto& y) {
        std::vector<T> between(static_cast<std::size_t>(count * Op::Output::size));
        const auto map = daf::batch_of<typename Op::Output>(between);
        daf::Prepared<Op, T, daf::Cpu>(cpu, Op{}, read_only, count).forward(cpu, in, map);
        daf::forward<daf::eval>(cpu, Pool{}, map, y, {});
    });
    for (const int threads : {1, 2, 3, 8}) {
        CHECK(same(one_after_the_other, run(threads, [&](daf::Cpu& cpu, const auto& y) {
                       daf::Prepared<Op, T, daf::Cpu, Pool>(cpu, Op{}, read_only, count).forward(cpu, in, y);
                   })));
    }
}

template <class In, Index Features, Index Window>
void check_taken_along() {
    for (const Convolution algorithm : {Convolution::winograd, Convolution::direct}) {
        for (const Index count : {1, 3, 40}) {
            check_taken_along<float, In, Features, Window>(count, algorithm);
            check_taken_along<double, In, Features, Window>(count, algorithm);
        }
    }
}

}  // namespace

TEST_CASE("conv + BN + ReLU in one keeps every promise") {
    daf_test::conform<ConvBnRelu<Shape<5, 7, 3>, 4>>();
    daf_test::conform<ConvBnRelu<Shape<6, 6, 16>, 32>>();
    daf_test::conform<ConvBnRelu<Shape<3, 3, 5>, 19>>();
}

TEST_CASE("a first layer's conv + BN + ReLU keeps every promise") {
    daf_test::conform<ConvBnRelu<Shape<12, 12, 1>, 8>>();
}

TEST_CASE("conv + BN + ReLU refuses to train where a channel has a single value") {
    using Op = ConvBnRelu<Shape<1, 1, 2>, 3>;
    daf::Cpu cpu(daf::Threads{1});
    daf_test::Workbench<Op, float, daf::Cpu> bench(cpu, Op{}, 1, 1);
    CHECK_THROWS_WITH_AS(bench.forward_train(),
                         "conv_bn_relu: training needs at least 2 images, got 1: give it more",
                         daf::ArgumentError);
    bench.forward_eval();
}

TEST_CASE("a pool that inference takes along gives the bits of both one after the other") {
    check_taken_along<Shape<12, 12, 8>, 32, 2>();
    check_taken_along<Shape<13, 11, 3>, 5, 2>();   // rows and columns that fill no window
    check_taken_along<Shape<15, 14, 4>, 16, 3>();  // windows that some tiles do not hold whole
    check_taken_along<Shape<3, 3, 8>, 17, 2>();    // one tile is the map
    check_taken_along<Shape<48, 24, 4>, 8, 2>();   // several strips
}
