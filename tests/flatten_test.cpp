#include <daf/cpu/flatten.hpp>
#include <daf/reference/flatten.hpp>

#include "support/conformance.hpp"

using daf::Flatten;
using daf::Shape;

TEST_CASE("flatten keeps every promise") {
    daf_test::conform<Flatten<Shape<3, 5, 7>>>();
    daf_test::conform<Flatten<Shape<1, 1, 1>>>();
    daf_test::conform<Flatten<Shape<3, 3, 128>>>();
    daf_test::conform<Flatten<Shape<11>>>();
}

TEST_CASE("flatten keeps memory order: rows, columns, channels") {
    using F = Flatten<Shape<2, 1, 3>>;
    static_assert(std::is_same_v<F::Output, Shape<6>>);
    const std::vector<float> x{1, 2, 3, 4, 5, 6};
    std::vector<float> y(6), dx(6, 10);
    daf::Cpu cpu(daf::Threads{1});
    daf::forward<daf::train>(cpu, F{}, daf::batch_of<F::Input>(x), daf::batch_of<F::Output>(y));
    CHECK(y == x);
    daf::backward(cpu, F{}, daf::batch_of<F::Input>(x), daf::batch_of<F::Output>(y),
                  daf::batch_of<F::Output>(x), daf::accumulate(daf::batch_of<F::Input>(dx)));
    CHECK(dx == std::vector<float>{11, 12, 13, 14, 15, 16});
}
