#include <doctest/doctest.h>

#include <daf/gpu/divider.hpp>
#include <vector>

using daf::Index;
using daf::gpu::Divider;

TEST_CASE(
    "a division as a multiplication gives the quotient, next to every multiple and for numbers past 31 "
    "bits") {
    const std::vector<Index> divisors{
        1, 2, 3, 5, 7, 9, 12, 48, 49, 96, 641, 2304, 9216, 65536, 65537, 715827883, Index{1} << 30};
    Index wrong = 0;
    const auto check = [&](const Divider& by, Index n, Index d) {
        wrong += by(n) != n / d;
        if (n < Index{1} << 31) wrong += by(static_cast<std::int32_t>(n)) != n / d;
    };
    for (const Index d : divisors) {
        const Divider by(d);
        for (const Index near :
             {Index{0}, d, 2 * d, Index{1} << 16, (Index{1} << 31) / d * d, Index{1} << 31,
              (Index{1} << 40) / d * d, ((Index{1} << 62) - 3) / d * 2 * d, (Index{1} << 31) - 4}) {
            for (Index n = near < 3 ? 0 : near - 3; n < near + 3; ++n) check(by, n, d);
        }
        for (Index n = 1; n < Index{1} << 31; n += n / 1000 + 1) check(by, n, d);
    }
    CHECK(wrong == 0);
}
