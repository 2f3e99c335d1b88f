#include <daf/cpu/relu.hpp>
#include <daf/reference/relu.hpp>

#include "support/conformance.hpp"

TEST_CASE("relu keeps every promise") {
    daf_test::conform<daf::Relu<daf::Shape<5, 7, 3>>>();
    daf_test::conform<daf::Relu<daf::Shape<17>>>();
}

TEST_CASE("backward says which arguments hold unequally many images") {
    using S = daf::Shape<2>;
    std::vector<float> four(8), three(6);
    daf::Cpu cpu(daf::Threads{1});
    CHECK_THROWS_WITH_AS(daf::backward(cpu, daf::Relu<S>{}, daf::batch_of<S>(four), daf::batch_of<S>(four),
                                       daf::batch_of<S>(three), daf::overwrite(daf::batch_of<S>(four))),
                         "relu: y must hold 3 images as dy does, but holds 4", daf::ArgumentError);
    CHECK_THROWS_WITH_AS(daf::backward(cpu, daf::Relu<S>{}, daf::batch_of<S>(three), daf::batch_of<S>(three),
                                       daf::batch_of<S>(three), daf::overwrite(daf::batch_of<S>(four))),
                         "relu: dx must hold 3 images as dy does, but holds 4", daf::ArgumentError);
}

TEST_CASE("forward refuses a y that lies where x does, wholly or in part, and takes one right beside it") {
    using S = daf::Shape<4>;
    std::vector<float> x{1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6};
    const std::vector<float> before = x;
    daf::Cpu cpu(daf::Threads{1});
    const auto all = daf::batch_of<S>(x);
    const auto run = [&](auto from, auto to) { daf::forward<daf::train>(cpu, daf::Relu<S>{}, from, to); };
    const char* message = "relu: y lies where x does: give it memory of its own";
    CHECK_THROWS_WITH_AS(run(all.slice(0, 2), all.slice(0, 2)), message, daf::ArgumentError);
    CHECK_THROWS_WITH_AS(run(all.slice(0, 2), all.slice(1, 2)), message, daf::ArgumentError);
    CHECK_THROWS_WITH_AS(run(all.slice(1, 2), all.slice(0, 2)), message, daf::ArgumentError);
    CHECK(x == before);
    run(all.slice(0, 1), all.slice(1, 1));
    CHECK(x[4] == 1);
    CHECK(x[5] == 0);
}

TEST_CASE("relu passes a NaN on and gives zero its gradient at zero") {
    float x[3] = {std::numeric_limits<float>::quiet_NaN(), 0.0f, 2.0f}, y[3], dy[3] = {1, 1, 1}, dx[3];
    using S = daf::Shape<3>;
    daf::Cpu cpu(daf::Threads{1});
    daf::forward<daf::train>(cpu, daf::Relu<S>{}, daf::batch_of<S>(x), daf::batch_of<S>(y));
    CHECK(std::isnan(y[0]));
    CHECK(y[2] == 2.0f);
    daf::backward(cpu, daf::Relu<S>{}, daf::batch_of<S>(x), daf::batch_of<S>(y), daf::batch_of<S>(dy),
                  daf::overwrite(daf::batch_of<S>(dx)));
    CHECK(dx[1] == 0.0f);
    CHECK(dx[2] == 1.0f);
}
