#include <daf/cpu/global_pool.hpp>
#include <daf/reference/global_pool.hpp>

#include "support/conformance.hpp"

using daf::GlobalAveragePool;
using daf::GlobalMaxPool;
using daf::Shape;

TEST_CASE("global average pooling keeps every promise") {
    daf_test::conform<GlobalAveragePool<Shape<5, 7, 3>>>();
    daf_test::conform<GlobalAveragePool<Shape<1, 1, 1>>>();
    daf_test::conform<GlobalAveragePool<Shape<2, 3, 77>>>();
    daf_test::conform<GlobalAveragePool<Shape<6, 6, 128>>>();
}

TEST_CASE("global max pooling keeps every promise") {
    daf_test::conform<GlobalMaxPool<Shape<5, 7, 3>>>();
    daf_test::conform<GlobalMaxPool<Shape<1, 1, 1>>>();
    daf_test::conform<GlobalMaxPool<Shape<2, 3, 77>>>();
    daf_test::conform<GlobalMaxPool<Shape<6, 6, 128>>>();
}

TEST_CASE_TEMPLATE("global average pooling by hand", Backend, daf::Reference, daf::Cpu) {
    using In = Shape<2, 2, 2>;
    using Op = GlobalAveragePool<In>;
    const std::vector<double> x{1, 10, 2, 20, 3, 30, 6, 40}, dy{4, -8};
    std::vector<double> y(2), dx(8);
    Backend backend;
    daf::forward<daf::train>(backend, Op{}, daf::batch_of<In>(x), daf::batch_of<Shape<2>>(y));
    CHECK(y == std::vector<double>{3, 25});
    daf::backward(backend, Op{}, daf::batch_of<In>(x), daf::batch_of<Shape<2>>(y),
                  daf::batch_of<Shape<2>>(dy), daf::overwrite(daf::batch_of<In>(dx)));
    CHECK(dx == std::vector<double>{1, -2, 1, -2, 1, -2, 1, -2});
}

TEST_CASE_TEMPLATE("the average of many large floats keeps its digits", Backend, daf::Reference, daf::Cpu) {
    using In = Shape<200, 200, 1>;
    const std::vector<float> x(In::size, 16777215.0f);  // a float sum would round at every step
    std::vector<float> y(1);
    Backend backend;
    daf::forward<daf::eval>(backend, GlobalAveragePool<In>{}, daf::batch_of<In>(x),
                            daf::batch_of<Shape<1>>(y));
    CHECK(y[0] == 16777215.0f);
}

TEST_CASE_TEMPLATE("global max pooling by hand: the first of equals alone takes the gradient", Backend,
                   daf::Reference, daf::Cpu) {
    using In = Shape<2, 2, 2>;
    using Op = GlobalMaxPool<In>;
    const std::vector<double> x{-3, 7, -1, 7, -1, 7, -2, 7}, dy{4, 5};
    std::vector<double> y(2), dx(8, -1);
    std::vector<std::int32_t> winner(2);
    Backend backend;
    daf::SavedOf<Op, double> saved;
    saved.winner = {winner.data(), 1};
    daf::forward<daf::train>(backend, Op{}, daf::batch_of<In>(x), daf::batch_of<Shape<2>>(y), {}, saved);
    CHECK(y == std::vector<double>{-1, 7});
    CHECK(winner == std::vector<std::int32_t>{1, 0});
    daf::backward(backend, Op{}, daf::batch_of<In>(x), daf::batch_of<Shape<2>>(y),
                  daf::batch_of<Shape<2>>(dy), daf::overwrite(daf::batch_of<In>(dx)), {}, {}, saved);
    CHECK(dx == std::vector<double>{0, 5, 4, 0, 0, 0, 0, 0});
}

TEST_CASE_TEMPLATE("a NaN goes through the global pools, wherever it stands", Backend, daf::Reference,
                   daf::Cpu) {
    using In = Shape<1, 3, 17>;
    Backend backend;
    for (std::size_t pixel = 0; pixel < 3; ++pixel) {
        std::vector<float> x(In::size, 1.0f), y(17), average(17);
        x[pixel * 17 + 4] = x[pixel * 17 + 16] = std::numeric_limits<float>::quiet_NaN();
        daf::forward<daf::eval>(backend, GlobalMaxPool<In>{}, daf::batch_of<In>(x),
                                daf::batch_of<Shape<17>>(y));
        daf::forward<daf::eval>(backend, GlobalAveragePool<In>{}, daf::batch_of<In>(x),
                                daf::batch_of<Shape<17>>(average));
        INFO("pixel ", pixel);
        for (std::size_t c = 0; c < 17; ++c) {
            CHECK(std::isnan(y[c]) == (c == 4 || c == 16));
            CHECK(std::isnan(average[c]) == (c == 4 || c == 16));
        }
    }
}
