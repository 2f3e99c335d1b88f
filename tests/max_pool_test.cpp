#include <daf/cpu/max_pool.hpp>
#include <daf/reference/max_pool.hpp>

#include "support/conformance.hpp"

using daf::MaxPool;
using daf::Shape;

namespace {

/// One image through a pool and back, in double.
template <class Op, class Backend>
struct Pass {
    std::vector<double> y, dx;
    std::vector<std::uint8_t> winner;

    Pass(const std::vector<double>& x, const std::vector<double>& dy)
        : y(Op::Output::size), dx(Op::Input::size, -1) {
        Backend backend;
        daf_test::Guarded<std::uint8_t> winners(Op::Output::size);
        daf::SavedOf<Op, double> saved;
        saved.winner = {winners.data(), 1};
        const auto x_batch = daf::batch_of<typename Op::Input>(x);
        const auto y_batch = daf::batch_of<typename Op::Output>(y);
        daf::forward<daf::train>(backend, Op{}, x_batch, y_batch, {}, saved);
        daf::backward(backend, Op{}, x_batch, y_batch, daf::batch_of<typename Op::Output>(dy),
                      daf::overwrite(daf::batch_of<typename Op::Input>(dx)), {}, {}, saved);
        winner = winners.copy();
        CHECK(winners.edges_whole());
    }
};

}  // namespace

TEST_CASE("max pooling by two keeps every promise") {
    daf_test::conform<MaxPool<Shape<6, 4, 3>>>();
    daf_test::conform<MaxPool<Shape<5, 7, 17>>>();
    daf_test::conform<MaxPool<Shape<2, 2, 1>>>();
    daf_test::conform<MaxPool<Shape<6, 6, 130>>>();
    daf_test::conform<MaxPool<Shape<16, 16, 16>>>();
}

TEST_CASE("max pooling by other sizes keeps every promise") {
    daf_test::conform<MaxPool<Shape<3, 4, 5>, 1>>();
    daf_test::conform<MaxPool<Shape<7, 9, 4>, 3>>();
    daf_test::conform<MaxPool<Shape<15, 31, 2>, 15>>();
}

TEST_CASE_TEMPLATE("max pooling by hand", Backend, daf::Reference, daf::Cpu) {
    // Rows of 5: the last row and column fill no window, though 9 stands there.
    const Pass<MaxPool<Shape<3, 5, 1>>, Backend> pass({1, 2, -5, -6, 9,  //
                                                       4, 3, -8, -7, 9,  //
                                                       9, 9, 9, 9, 9},   //
                                                      {10, 20});
    CHECK(pass.y == std::vector<double>{4, -5});
    CHECK(pass.winner == std::vector<std::uint8_t>{2, 0});
    CHECK(pass.dx == std::vector<double>{0, 0, 20, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE_TEMPLATE("each channel has a winner of its own", Backend, daf::Reference, daf::Cpu) {
    const Pass<MaxPool<Shape<2, 2, 4>>, Backend> pass({1, 0, 0, 0,  //
                                                       0, 1, 0, 0,  //
                                                       0, 0, 1, 0,  //
                                                       0, 0, 0, 1},
                                                      {5, 6, 7, 8});
    CHECK(pass.winner == std::vector<std::uint8_t>{0, 1, 2, 3});
    CHECK(pass.dx == std::vector<double>{5, 0, 0, 0, 0, 6, 0, 0, 0, 0, 7, 0, 0, 0, 0, 8});
}

TEST_CASE_TEMPLATE("the first of equal maxima alone takes the gradient", Backend, daf::Reference, daf::Cpu) {
    const Pass<MaxPool<Shape<2, 4, 1>>, Backend> pass({3, 3, 0, 2,  //
                                                       3, 3, 2, 2},
                                                      {1, 1});
    CHECK(pass.dx == std::vector<double>{1, 0, 0, 1, 0, 0, 0, 0});
}

TEST_CASE_TEMPLATE("minus infinity and zero of either sign are ordinary values", Backend, daf::Reference,
                   daf::Cpu) {
    const double low = -std::numeric_limits<double>::infinity();
    const Pass<MaxPool<Shape<2, 4, 1>>, Backend> pass({low, low, -0.0, 0.0,  //
                                                       low, low, 0.0, -1},
                                                      {1, 1});
    CHECK(pass.y == std::vector<double>{low, 0});
    CHECK(pass.winner == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE_TEMPLATE("a NaN is its window's maximum, wherever it stands", Backend, daf::Reference, daf::Cpu) {
    for (std::size_t at = 0; at < 4; ++at) {
        std::vector<double> x(4 * 17, 1.0);
        x[at * 17 + 3] = x[at * 17 + 16] = std::numeric_limits<double>::quiet_NaN();
        const Pass<MaxPool<Shape<2, 2, 17>>, Backend> pass(x, std::vector<double>(17, 1.0));
        INFO("position ", at);
        for (std::size_t c = 0; c < 17; ++c) CHECK(std::isnan(pass.y[c]) == (c == 3 || c == 16));
        CHECK(pass.winner[3] == at);
        CHECK(pass.dx[at * 17 + 16] == 1);
    }
}
