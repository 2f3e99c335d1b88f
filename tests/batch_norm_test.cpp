#include <daf/cpu/batch_norm.hpp>
#include <daf/reference/batch_norm.hpp>

#include "support/conformance.hpp"

using daf::BatchNorm;
using daf::Index;
using daf::Shape;

namespace {

/// A batch norm's parameters and what it saves, in memory of its own.
template <class Op, class T>
struct State {
    std::vector<T> parameters = std::vector<T>(static_cast<std::size_t>(daf::parameter_count<Op>));
    std::vector<T> gradients = std::vector<T>(static_cast<std::size_t>(daf::gradient_count<Op>));
    daf::HostMemory memory{daf::saved_bytes<Op, T>(1)};

    State() {
        for (Index c = 0; c < Op::channels; ++c) bound().weight[c] = bound().running_var[c] = 1;
    }
    auto bound() { return daf::bind<Op>(std::span(parameters)); }
    auto bound_gradients() { return daf::bind_gradients<Op>(std::span(gradients)); }
    auto saved() { return daf::bind_saved<Op, T>(memory.data(), 1); }
};

std::vector<double> normal_values(Index count, double mean, double deviation, std::uint64_t seed) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& v : values) v = mean + deviation * random.normal();
    return values;
}

struct MeanAndVariance {
    double mean = 0, variance = 0;
};

/// Of every channels-th value, in two passes.
template <class T>
MeanAndVariance two_passes(const std::vector<T>& values, std::size_t channel, std::size_t channels) {
    MeanAndVariance found;
    const auto count = static_cast<double>(values.size() / channels);
    for (std::size_t i = channel; i < values.size(); i += channels)
        found.mean += static_cast<double>(values[i]) / count;
    for (std::size_t i = channel; i < values.size(); i += channels) {
        const double deviation = static_cast<double>(values[i]) - found.mean;
        found.variance += deviation * deviation / count;
    }
    return found;
}

/// The largest relative errors of BatchMoments over `values`, added as `chunks` chunks.
template <class T>
MeanAndVariance moment_errors(const std::vector<double>& wide, Index channels, Index chunks) {
    const std::vector<T> values(wide.begin(), wide.end());
    const Index pixels = static_cast<Index>(values.size()) / channels;
    const daf::cpu::BatchMoments<T> sized(channels, chunks);
    daf::ScratchArena arena;
    arena.reserve(sized.scratch());
    std::memset(arena.memory().data(), 0xFF, arena.memory().size());
    daf::ScratchFrame frame(arena);
    daf::cpu::BatchMoments<T> moments = sized;
    moments.take(frame);
    for (Index chunk = 0; chunk < chunks; ++chunk) {
        const daf::Range part = daf::part_of(pixels, chunks, chunk);
        moments.add(values.data() + part.first * channels, part.size(), chunk);
    }
    moments.join();
    CHECK(moments.count() == static_cast<double>(pixels));
    MeanAndVariance worst;
    for (Index c = 0; c < channels; ++c) {
        const auto want = two_passes(values, static_cast<std::size_t>(c), static_cast<std::size_t>(channels));
        const double deviation = std::sqrt(want.variance);
        worst.mean = std::max(worst.mean, std::abs(moments.mean(c) - want.mean) / deviation);
        worst.variance = std::max(worst.variance, std::abs(moments.variance(c) / want.variance - 1));
    }
    return worst;
}

}  // namespace

TEST_CASE("batch norm of maps keeps every promise") {
    daf_test::conform<BatchNorm<Shape<5, 7, 3>>>();
    daf_test::conform<BatchNorm<Shape<3, 1, 1>>>();
    daf_test::conform<BatchNorm<Shape<3, 3, 130>>>();
    daf_test::conform<BatchNorm<Shape<24, 24, 16>>>();
    daf_test::conform<BatchNorm<Shape<4, 4, 93>>>();
}

TEST_CASE("batch norm of vectors keeps every promise") {
    const daf_test::Promise several{.batches = {3, 18, 70}};
    daf_test::conform<BatchNorm<Shape<5>>>({}, several);
    daf_test::conform<BatchNorm<Shape<67>>>({}, several);
    // Two values normalise to 1 and -1 but for eps, so dx is what cancels to that small rest: it keeps fewer
    // digits.
    const daf_test::Promise two{.float_tolerance = 5e-3, .double_tolerance = 1e-11, .batches = {2}};
    daf_test::conform<BatchNorm<Shape<5>>>({}, two);
    daf_test::conform<BatchNorm<Shape<67>>>({}, two);
}

TEST_CASE_TEMPLATE("batch norm by hand", Backend, daf::Reference, daf::Cpu) {
    using S = Shape<1, 2, 2>;
    using Op = BatchNorm<S>;
    // Channel 0: 1, 3, 5, 7: mean 4, variance 5, unbiased 20/3. Channel 1: constant.
    const std::vector<double> x{1, 6, 3, 6, 5, 6, 7, 6}, dy{1, 2, 0, 2, 0, 2, 0, 2};
    std::vector<double> y(8), dx(8);
    State<Op, double> state;
    state.bound().weight[0] = 2;
    state.bound().bias[0] = 10;
    state.bound().bias[1] = -1;
    Backend backend;
    daf::forward<daf::train>(backend, Op{}, daf::batch_of<S>(x), daf::batch_of<S>(y), state.bound(),
                             state.saved());

    const double inverse_std = 1 / std::sqrt(5 + 1e-5);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(y[2 * i] == doctest::Approx(2 * (x[2 * i] - 4) * inverse_std + 10).epsilon(1e-14));
        CHECK(y[2 * i + 1] == -1);
    }
    CHECK(state.saved().mean[0] == 4);
    CHECK(state.saved().inverse_std[0] == doctest::Approx(inverse_std).epsilon(1e-14));
    CHECK(state.saved().inverse_std[1] == doctest::Approx(1 / std::sqrt(1e-5)).epsilon(1e-14));
    CHECK(state.bound().running_mean[0] == doctest::Approx(0.1 * 4).epsilon(1e-14));
    CHECK(state.bound().running_var[0] == doctest::Approx(0.9 + 0.1 * 20 / 3).epsilon(1e-14));
    CHECK(state.bound().running_var[1] == doctest::Approx(0.9).epsilon(1e-14));

    daf::backward(backend, Op{}, daf::batch_of<S>(x), daf::batch_of<S>(y), daf::batch_of<S>(dy),
                  daf::overwrite(daf::batch_of<S>(dx)), state.bound(), state.bound_gradients(),
                  state.saved());
    const double z0 = -3 * inverse_std;  // the only element of channel 0 with a gradient
    CHECK(state.bound_gradients().weight[0] == doctest::Approx(z0).epsilon(1e-14));
    CHECK(state.bound_gradients().bias[0] == 1);
    CHECK(state.bound_gradients().weight[1] == 0);
    CHECK(state.bound_gradients().bias[1] == 8);
    for (std::size_t i = 0; i < 4; ++i) {
        const double z = (x[2 * i] - 4) * inverse_std;
        CHECK(dx[2 * i] == doctest::Approx(2 * inverse_std * (dy[2 * i] - 0.25 - z * z0 / 4)).epsilon(1e-14));
        CHECK(dx[2 * i + 1] == 0);
    }
}

TEST_CASE_TEMPLATE("eval normalises by the running figures and moves nothing", Backend, daf::Reference,
                   daf::Cpu) {
    using S = Shape<1, 1, 1>;
    using Op = BatchNorm<S>;
    State<Op, double> state;
    state.bound().weight[0] = 3;
    state.bound().bias[0] = 1;
    state.bound().running_mean[0] = 2;
    state.bound().running_var[0] = 16;
    const std::vector<double> before = state.parameters, x{10};
    std::vector<double> y(1);
    Backend backend;
    daf::forward<daf::eval>(backend, Op{}, daf::batch_of<S>(x), daf::batch_of<S>(y), state.bound());
    CHECK(y[0] == doctest::Approx(3 * 8 / std::sqrt(16 + 1e-5) + 1).epsilon(1e-14));
    CHECK(state.parameters == before);
}

TEST_CASE_TEMPLATE("batch norm refuses to train on one value a channel", Backend, daf::Reference, daf::Cpu) {
    using S = Shape<4>;
    State<BatchNorm<S>, float> state;
    const std::vector<float> parameters = state.parameters, x(4);
    std::vector<float> y(4);
    Backend backend;
    CHECK_THROWS_WITH_AS(daf::forward<daf::train>(backend, BatchNorm<S>{}, daf::batch_of<S>(x),
                                                  daf::batch_of<S>(y), state.bound(), state.saved()),
                         "batch_norm: training needs at least 2 images, got 1: give it more",
                         daf::ArgumentError);
    CHECK(state.parameters == parameters);
}

TEST_CASE_TEMPLATE("a NaN spoils its channel and no other", Backend, daf::Reference, daf::Cpu) {
    using S = Shape<3, 3, 18>;
    State<BatchNorm<S>, float> state;
    std::vector<float> x(S::size), y(S::size);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7);
    x[2 * 18 + 5] = x[2 * 18 + 17] = std::numeric_limits<float>::quiet_NaN();
    Backend backend;
    daf::forward<daf::train>(backend, BatchNorm<S>{}, daf::batch_of<S>(x), daf::batch_of<S>(y), state.bound(),
                             state.saved());
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i % 18 == 5 || i % 18 == 17));
    CHECK(std::isnan(state.bound().running_var[17]));
}

TEST_CASE("moments lose no digits to a large mean, a first pixel apart, or the number of chunks") {
    const Index channels = 83, pixels = 1000;
    for (const Index chunks : {1, 7, 16}) {
        INFO("chunks ", chunks);
        std::vector<double> values = normal_values(channels * pixels, 1e4, 1, 6);
        CHECK(moment_errors<double>(values, channels, chunks).mean < 1e-9);
        CHECK(moment_errors<double>(values, channels, chunks).variance < 1e-9);
        CHECK(moment_errors<float>(values, channels, chunks).mean < 1e-6);
        CHECK(moment_errors<float>(values, channels, chunks).variance < 1e-6);

        for (Index c = 0; c < channels; ++c) values[static_cast<std::size_t>(c)] = 0;  // the first pixel
        CHECK(moment_errors<float>(values, channels, chunks).variance < 1e-6);

        // A step in the middle: the shift of every run is far off there.
        values = normal_values(channels * pixels, 0, 1, 7);
        for (std::size_t i = values.size() / 2; i < values.size(); ++i) values[i] += 1e4;
        CHECK(moment_errors<float>(values, channels, chunks).mean < 1e-6);
        CHECK(moment_errors<float>(values, channels, chunks).variance < 1e-6);
    }
}

TEST_CASE("a rectified normalisation and its gradient are those of the two operators, in place too") {
    using daf::cpu::Rectify;
    const Index channels = 83, pixels = 150;
    const auto count = static_cast<std::size_t>(channels * pixels);
    const auto per_channel = [&](std::uint64_t seed) { return normal_values(channels, 0.5, 1, seed); };
    const std::vector<double> z = normal_values(channels * pixels, 0, 1, 1),
                              dy = normal_values(channels * pixels, 0, 1, 2);
    const std::vector<double> mean = per_channel(3), inverse_std = per_channel(4), weight = per_channel(5),
                              bias = per_channel(6);
    std::vector<double> slope(channels), y(count), rectified = z, masked = dy;
    const auto affine = daf::cpu::normalisation(channels, mean.data(), inverse_std.data(), weight.data(),
                                                bias.data(), slope.data());
    daf::cpu::normalise<Rectify::no>(z.data(), pixels, channels, affine, y.data());
    daf::cpu::normalise<Rectify::yes>(rectified.data(), pixels, channels, affine, rectified.data());
    for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(rectified[i] == std::max(y[i], 0.0));
        if (!(y[i] > 0)) masked[i] = 0;
    }

    const auto gradient = [&]<Rectify R>(const std::vector<double>& from, std::vector<double>& dz) {
        std::vector<double> sums(2 * static_cast<std::size_t>(channels));
        daf::cpu::NormalisationGradient<double, R> steps(channels, 2);
        daf::ScratchArena arena;
        arena.reserve(steps.scratch());
        daf::ScratchFrame frame(arena);
        steps.take(frame, affine);
        steps.add(z.data(), from.data(), 70, 0);
        steps.add(z.data() + 70 * channels, from.data() + 70 * channels, pixels - 70, 1);
        steps.finish(pixels, inverse_std.data(), sums.data(), sums.data() + channels);
        steps.apply(z.data(), dz.data(), pixels, dz.data(), false);
        return sums;
    };
    std::vector<double> fused = dy, composed = masked;
    const auto fused_sums = gradient.operator()<Rectify::yes>(dy, fused);
    const auto composed_sums = gradient.operator()<Rectify::no>(masked, composed);
    CHECK(fused_sums == composed_sums);
    CHECK(fused == composed);
}

TEST_CASE("a rectified NaN stays visible") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), zero = 0, one = 1;
    float y = 0;
    daf::cpu::normalise<daf::cpu::Rectify::yes>(&nan, 1, 1,
                                                daf::cpu::ChannelAffine<float>{&zero, &one, &zero}, &y);
    CHECK(std::isnan(y));
}
