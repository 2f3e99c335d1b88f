#include <daf/cpu/dropout.hpp>
#include <daf/reference/dropout.hpp>

#include "support/conformance.hpp"

using daf::Dropout;
using daf::Index;
using daf::Shape;

namespace {

/// The mask that `backend` draws for `images` images: what it makes of ones.
template <class S, class Backend>
std::vector<float> mask_of(Backend& backend, double rate, Index images, const daf::Draw& place) {
    const std::vector<float> x(static_cast<std::size_t>(images * S::size), 1.0f);
    std::vector<float> y(x.size());
    daf::forward<daf::train>(backend, Dropout<S>{rate}, daf::batch_of<S>(x), daf::batch_of<S>(y), {}, {},
                             place);
    return y;
}

/// The message that a rate is refused with.
template <class Backend>
std::string refusal(Backend& backend, double rate) {
    const std::uint32_t step = 0;
    try {
        mask_of<Shape<2>>(backend, rate, 1, {daf::Seed{1}, &step});
    } catch (const daf::ArgumentError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("dropout keeps every promise") {
    daf_test::conform<Dropout<Shape<5, 7, 3>>>();
    daf_test::conform<Dropout<Shape<64>>>({.rate = 0.1});
    daf_test::conform<Dropout<Shape<1>>>({.rate = 0.9});
    daf_test::conform<Dropout<Shape<3, 3, 128>>>();
    daf_test::conform<Dropout<Shape<130>>>({.rate = 0});
}

TEST_CASE("dropout draws word k%4 of block k/4 of its sample") {
    using S = Shape<70>;
    const std::uint32_t step = 3;
    const daf::Draw place{daf::Seed{42}, &step, 6, 1000};
    daf::Cpu cpu(daf::Threads{1});
    const std::vector<float> mask = mask_of<S>(cpu, 0.25, 2, place);
    for (std::uint32_t image = 0; image < 2; ++image) {
        for (std::uint32_t k = 0; k < S::size; ++k) {
            const std::uint32_t word = daf::draw(place.stream(), 1000 + image, k / 4)[k % 4];
            CHECK(mask[image * S::size + k] == (daf::unit_interval(word) >= 0.25 ? 1 / 0.75f : 0.0f));
        }
    }
}

TEST_CASE_TEMPLATE("dropout draws the same mask however a batch is split", Backend, daf::Reference,
                   daf::Cpu) {
    using S = Shape<3, 5, 7>;
    Backend backend;
    const std::uint32_t step = 9;
    daf::Draw place{daf::Seed{2}, &step, 1, 50};
    const std::vector<float> whole = mask_of<S>(backend, 0.5, 20, place);
    std::vector<float> parts = mask_of<S>(backend, 0.5, 7, place);
    place.first_sample += 7;
    const std::vector<float> rest = mask_of<S>(backend, 0.5, 13, place);
    parts.insert(parts.end(), rest.begin(), rest.end());
    CHECK(parts == whole);
}

TEST_CASE("dropout drops its rate of the elements, evenly, and keeps the mean") {
    using S = Shape<400>;
    daf::Cpu cpu;
    const std::uint32_t step = 1;
    for (const double rate : {0.1, 0.5, 0.8}) {
        const std::vector<float> mask = mask_of<S>(cpu, rate, 500, {daf::Seed{3}, &step});
        double kept = 0, sum = 0;
        std::vector<double> kept_at(4);
        for (std::size_t i = 0; i < mask.size(); ++i) {
            sum += static_cast<double>(mask[i]);
            if (mask[i] == 0) continue;
            ++kept;
            ++kept_at[i % 4];
        }
        const auto count = static_cast<double>(mask.size());
        const double deviation = std::sqrt(rate * (1 - rate) / count);  // of the kept share
        INFO("rate ", rate);
        CHECK(std::abs(kept / count - (1 - rate)) < 4 * deviation);
        CHECK(std::abs(sum / count - 1) < 4 * deviation / (1 - rate));
        for (const double k : kept_at) CHECK(std::abs(4 * k / count - (1 - rate)) < 8 * deviation);
    }
}

TEST_CASE("another seed, step, layer or sample is another mask") {
    using S = Shape<256>;
    daf::Cpu cpu(daf::Threads{1});
    const std::uint32_t step = 1, next_step = 2;
    const auto mask = [&](const daf::Draw& place) { return mask_of<S>(cpu, 0.5, 1, place); };
    const std::vector<std::vector<float>> masks{mask({daf::Seed{1}, &step, 1, 0}),
                                                mask({daf::Seed{2}, &step, 1, 0}),
                                                mask({daf::Seed{std::uint64_t{1} << 32 | 1}, &step, 1, 0}),
                                                mask({daf::Seed{1}, &next_step, 1, 0}),
                                                mask({daf::Seed{1}, &step, 2, 0}),
                                                mask({daf::Seed{1}, &step, 1, 1})};
    CHECK(masks[0] == mask({daf::Seed{1}, &step, 1, 0}));
    for (std::size_t a = 0; a < masks.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            Index same = 0;
            for (std::size_t i = 0; i < 256; ++i) same += masks[a][i] == masks[b][i];
            INFO("masks ", a, " and ", b, " agree in ", same, " of 256");
            CHECK(same > 128 - 40);  // five standard deviations
            CHECK(same < 128 + 40);
        }
    }
}

TEST_CASE("dropout's backward uses its forward's mask, and eval none") {
    using S = Shape<67>;
    const std::uint32_t step = 4;
    const daf::Draw place{daf::Seed{8}, &step, 2, 5};
    const std::vector<float> ones(2 * S::size, 1.0f);
    std::vector<float> x(2 * S::size), dx(2 * S::size), y(2 * S::size);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    daf::Cpu cpu(daf::Threads{1});
    const std::vector<float> mask = mask_of<S>(cpu, 0.3, 2, place);
    daf::backward(cpu, Dropout<S>{0.3}, daf::batch_of<S>(x), daf::batch_of<S>(y), daf::batch_of<S>(ones),
                  daf::overwrite(daf::batch_of<S>(dx)), {}, {}, {}, place);
    CHECK(dx == mask);
    daf::forward<daf::eval>(cpu, Dropout<S>{0.3}, daf::batch_of<S>(x), daf::batch_of<S>(y));
    CHECK(y == x);
}

TEST_CASE_TEMPLATE("a dropped NaN stays visible", Backend, daf::Reference, daf::Cpu) {
    using S = Shape<64>;
    Backend backend;
    const std::uint32_t step = 0;
    const std::vector<float> x(64, std::numeric_limits<float>::quiet_NaN());
    std::vector<float> y(64);
    daf::forward<daf::train>(backend, Dropout<S>{}, daf::batch_of<S>(x), daf::batch_of<S>(y), {}, {},
                             daf::Draw{daf::Seed{1}, &step});
    for (const float value : y) CHECK(std::isnan(value));
}

TEST_CASE_TEMPLATE("dropout refuses a rate outside [0, 1)", Backend, daf::Reference, daf::Cpu) {
    Backend backend;
    CHECK(refusal(backend, 1) == "dropout: rate must be in [0, 1), but is 1");
    CHECK(refusal(backend, -0.1).find("is -0.1") != std::string::npos);
    CHECK(refusal(backend, std::numeric_limits<double>::quiet_NaN()).find("is nan") != std::string::npos);
    CHECK(refusal(backend, 0) == "");
    CHECK(refusal(backend, 0.999) == "");
}

TEST_CASE("dropout in training asks for a place to draw at") {
    daf::Cpu cpu(daf::Threads{1});
    CHECK_THROWS_WITH_AS(mask_of<Shape<2>>(cpu, 0.5, 1, {}),
                         "dropout: it draws numbers in training: give a Draw{seed, &step, layer}",
                         daf::ArgumentError);
}
