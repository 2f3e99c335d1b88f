// Training of a whole network on a device.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <daf/daf.cuh>

#include "../support/stand_in_runtime.hpp"
#include "training.hpp"

using daf_test::Trained;

namespace {

/// The largest difference; huge where a NaN stands on either side.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double apart = std::abs(a[i] - b[i]);
        if (!(apart <= 1e30)) return 1e30;
        largest = std::max(largest, apart);
    }
    return largest;
}

}  // namespace

TEST_CASE("twenty training steps on a device are those of the CPU") {
    daf::Gpu gpu;
    const Trained got = daf_test::trained<float>(gpu), want = daf_test::trained_on_cpu();
    // It does learn: what is compared has gone through every gradient and through Adam's moments.
    CHECK(want.losses[0] > 2.5);
    CHECK(want.losses[3 * 16] < 0.6);
    // On the CPU alone, floats and doubles part by 1.0e-5 in the losses and 3.5e-6 in the parameters; TF32 would by far more.
    CHECK(difference(got.losses, want.losses) <= 3e-4);
    CHECK(difference(got.parameters, want.parameters) <= 1e-4);
    CHECK(difference(got.counts, want.counts) <= 1);  // a sample may lie where a rounding decides
}

TEST_CASE("ten runs of a training on a device leave the same bits") {
    const auto run = [] {
        daf::Gpu gpu;
        return daf_test::trained<float>(gpu);
    };
    const Trained first = run();
    for (int again = 2; again <= 10; ++again) {
        INFO("run ", again);
        CHECK(run() == first);
    }
}
