#include <daf/cpu/linear.hpp>
#include <daf/reference/linear.hpp>

#include "support/conformance.hpp"

using daf::Linear;
using daf::Shape;

TEST_CASE("a linear layer keeps every promise") {
    daf_test::conform<Linear<Shape<5>, 3>>();
    daf_test::conform<Linear<Shape<64>, 7>>();
    daf_test::conform<Linear<Shape<1>, 1>>();
    daf_test::conform<Linear<Shape<2, 3, 16>, 40, daf::Start::he>>();
}

TEST_CASE("a linear layer by hand") {
    using L = Linear<Shape<2>, 2>;
    // weight[i][o] = {{1, 2}, {3, 4}}, bias {10, 20}
    std::vector<double> slab{1, 2, 3, 4, 10, 20}, gradient(6), x{5, 6}, y(2), dy{1, 100}, dx(2);
    daf::Cpu cpu(daf::Threads{1});
    auto parameters = daf::bind<L>(std::span(slab));
    daf::forward<daf::train>(cpu, L{}, daf::batch_of<Shape<2>>(x), daf::batch_of<Shape<2>>(y), parameters);
    CHECK(y == std::vector<double>{5 + 18 + 10, 10 + 24 + 20});
    daf::backward(cpu, L{}, daf::batch_of<Shape<2>>(x), daf::batch_of<Shape<2>>(y),
                  daf::batch_of<Shape<2>>(dy), daf::overwrite(daf::batch_of<Shape<2>>(dx)), parameters,
                  daf::bind_gradients<L>(std::span(gradient)));
    CHECK(dx == std::vector<double>{201, 403});
    CHECK(gradient == std::vector<double>{5, 500, 6, 600, 1, 100});
}
