#include <doctest/doctest.h>

#include <daf/core/random.hpp>

TEST_CASE("Philox 4x32-10 gives the published words") {
    // The known-answer vectors of Random123 (kat_vectors).
    CHECK(daf::philox(0, {0, 0, 0, 0}) == daf::RandomBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(daf::philox(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}) ==
          daf::RandomBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(daf::philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
          daf::RandomBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a draw depends on seed, step, layer, sample and block, and on nothing else") {
    const daf::Stream stream{daf::Seed{1}, 2, 3};
    const auto word = daf::draw(stream, 4, 5);
    CHECK(daf::draw(stream, 4, 5) == word);
    CHECK(daf::draw({daf::Seed{2}, 2, 3}, 4, 5) != word);
    CHECK(daf::draw({daf::Seed{1}, 3, 3}, 4, 5) != word);
    CHECK(daf::draw({daf::Seed{1}, 2, 4}, 4, 5) != word);
    CHECK(daf::draw(stream, 5, 5) != word);
    CHECK(daf::draw(stream, 4, 6) != word);
}

TEST_CASE("uniform and normal numbers have their moments, integers no bias") {
    daf::RandomSequence random(daf::Stream{daf::Seed{7}});
    const int n = 200000;
    double mean = 0, square = 0, fourth = 0, uniform = 0;
    int counts[7] = {};
    for (int i = 0; i < n; ++i) {
        const double z = random.normal(), u = random.uniform();
        REQUIRE(u >= 0);
        REQUIRE(u < 1);
        mean += z / n;
        square += z * z / n;
        fourth += z * z * z * z / n;
        uniform += u / n;
        ++counts[random.below(7)];
    }
    CHECK(std::abs(mean) < 0.01);
    CHECK(square == doctest::Approx(1).epsilon(0.02));
    CHECK(fourth == doctest::Approx(3).epsilon(0.04));
    CHECK(uniform == doctest::Approx(0.5).epsilon(0.01));
    for (const int count : counts) CHECK(count == doctest::Approx(n / 7.0).epsilon(0.03));
    CHECK(daf::unit_interval(0xffffffffu) < 1.0f);
    CHECK(daf::unit_interval(0) == 0.0f);
}
