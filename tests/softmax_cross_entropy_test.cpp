#include <daf/cpu/softmax_cross_entropy.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>

#include "support/conformance.hpp"
#include "support/losses.hpp"

using daf::Shape;
using daf::SoftmaxCrossEntropy;
using daf_test::LossCase;
using daf_test::on_each_backend;

TEST_CASE("softmax cross-entropy keeps every promise") {
    daf_test::conform<SoftmaxCrossEntropy<Shape<1>>>();
    daf_test::conform<SoftmaxCrossEntropy<Shape<2>>>();
    daf_test::conform<SoftmaxCrossEntropy<Shape<7>>>();
    daf_test::conform<SoftmaxCrossEntropy<Shape<65>>>();
    daf_test::conform<SoftmaxCrossEntropy<Shape<1000>>>({}, {.batches = {1, 3, 40}});
}

TEST_CASE("softmax cross-entropy by hand") {
    on_each_backend([](auto& ctx) {
        using Op = SoftmaxCrossEntropy<Shape<3>>;
        // exp: 1 2 1 of 4;  1 1 6 of 8
        LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(
            ctx, {}, {0, std::log(2.0), 0, 0, 0, std::log(6.0)}, {1, 0});
        loss.weigh({1, 10});
        loss.pass();
        CHECK(loss.y[0] == doctest::Approx(std::log(2.0)).epsilon(1e-14));
        CHECK(loss.y[1] == doctest::Approx(std::log(8.0)).epsilon(1e-14));
        const std::vector<double> want{0.25, -0.5, 0.25, 10 * (0.125 - 1), 10 * 0.125, 10 * 0.75};
        CHECK(daf_test::relative_difference(loss.slopes(), want) < 1e-14);
    });
}

TEST_CASE("softmax cross-entropy survives logits whose exponentials do not") {
    on_each_backend([](auto& ctx) {
        using Backend = std::remove_reference_t<decltype(ctx)>;
        LossCase<SoftmaxCrossEntropy<Shape<3>>, Backend, float> loss(
            ctx, {}, {1e4f, 1e4f, -1e4f, 0.0f, 3e38f, -3e38f, -1e4f, -1e4f - 1, -3e4f}, {0, 1, 1});
        loss.pass();
        CHECK(loss.y[0] == doctest::Approx(std::log(2.0)));
        CHECK(loss.y[1] == 0);
        CHECK(loss.y[2] == doctest::Approx(1 + std::log1p(std::exp(-1.0))));
        CHECK(loss.dx[0] == doctest::Approx(-0.5));
        CHECK(loss.dx[1] == doctest::Approx(0.5));
        CHECK(std::abs(loss.dx[2]) < 1e-30f);

        // A nearly certain prediction keeps its loss, log(1 + exp(-20)).
        LossCase<SoftmaxCrossEntropy<Shape<2>>, Backend, float> certain(ctx, {}, {20, 0}, {0});
        certain.pass();
        CHECK(certain.y[0] == doctest::Approx(std::log1p(std::exp(-20.0))).epsilon(1e-5));
    });
}

template <daf::Index K, class Backend>
void check_nan_at(Backend& ctx, daf::Index at) {
    using Op = SoftmaxCrossEntropy<Shape<K>>;
    daf_test::Workbench<Op, float, Backend> bench(ctx, Op{}, 1, 1);
    bench.labels[0] = K - 1;
    bench.x[at] = std::numeric_limits<float>::quiet_NaN();
    bench.forward_train();
    bench.backward(daf::overwrite(bench.dx_batch()));
    CHECK(std::isnan(bench.y[0]));
    for (daf::Index k = 0; k < K; ++k) CHECK(std::isnan(bench.dx[k]));
    bench.forward_eval();
    CHECK(std::isnan(bench.y[0]));
}

TEST_CASE("softmax cross-entropy passes a NaN on wherever it stands") {
    on_each_backend([](auto& ctx) {
        for (daf::Index at = 0; at < 7; ++at) check_nan_at<7>(ctx, at);
        for (daf::Index at = 0; at < 33; ++at) check_nan_at<33>(ctx, at);
    });
}

TEST_CASE("softmax cross-entropy in eval gives the bits of training") {
    daf::Cpu cpu(daf::Threads{2});
    daf_test::Workbench<SoftmaxCrossEntropy<Shape<100>>, float, daf::Cpu> bench(cpu, {}, 37, 2);
    bench.forward_train();
    const auto trained = bench.y.copy();
    bench.poison_outputs();
    bench.forward_eval();
    CHECK(bench.y.copy() == trained);
}

TEST_CASE("softmax cross-entropy refuses a label that is no class") {
    on_each_backend([](auto& ctx) {
        using Op = SoftmaxCrossEntropy<Shape<3>>;
        for (const std::int32_t label : {-1, 3}) {
            LossCase<Op, std::remove_reference_t<decltype(ctx)>> loss(ctx, {}, {1, 2, 3, 4, 5, 6},
                                                                      {2, label});
            CHECK(daf_test::message_of<daf::ArgumentError>([&] { loss.pass(); }) ==
                  "softmax_cross_entropy: label " + std::to_string(label) +
                      " of sample 1 is not a class: expected 0 to 2");
        }
    });
}

TEST_CASE("logits become probabilities") {
    const std::vector<float> logits{0, static_cast<float>(std::log(6.0)), 0};
    std::vector<double> p(3);
    daf::softmax(logits.data(), 3, p.data());
    CHECK(p[0] == doctest::Approx(0.125));
    CHECK(p[1] == doctest::Approx(0.75));
    CHECK(p[2] == doctest::Approx(0.125));
    std::vector<float> in_place = logits;
    daf::softmax(in_place.data(), 3, in_place.data());
    CHECK(in_place[1] == static_cast<float>(p[1]));
    CHECK(daf::softmax(daf::batch_of<Shape<3>>(logits)[0])[1] == p[1]);
    const daf::bf16 narrow[] = {daf::bf16(1.0F), daf::bf16(1.0F)};
    CHECK(daf::softmax(daf::View<Shape<2>, const daf::bf16>(narrow))[0] == 0.5);
}

TEST_CASE("probabilities of logits whose exponentials overflow, and of those that are not finite") {
    using Row = std::vector<float>;
    const float infinity = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto probabilities = [](const Row& logits) {
        std::vector<double> p(logits.size());
        daf::softmax(logits.data(), std::ssize(logits), p.data());
        return p;
    };
    CHECK(probabilities({1e4F, 1e4F, -1e4F}) == std::vector{0.5, 0.5, 0.0});
    CHECK(probabilities({-3e38F, 3e38F}) == std::vector{0.0, 1.0});
    CHECK(probabilities({-infinity, 1, 1}) == std::vector{0.0, 0.5, 0.5});
    CHECK(probabilities({}).empty());
    for (const Row& row : {Row{nan, 1, 2}, Row{1, nan, 2}, Row{1, 2, nan}, Row{nan, nan}, Row{1, infinity},
                           Row{-infinity, -infinity}}) {
        for (const double p : probabilities(row)) CHECK(std::isnan(p));
    }
}
