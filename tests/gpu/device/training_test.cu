// Training of a whole network on a device.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <daf/daf.cuh>
#include <daf/reference/optimizer.hpp>

#include "../../support/optimised.hpp"
#include "../../support/workbench.hpp"
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

template <class T>
Trained trained_as(const daf::CudnnChoice& choice, const daf::Optimizer& optimizer = daf_test::by_adam) {
    daf::Gpu gpu;
    gpu.set_cudnn(choice);
    return daf_test::trained<T>(gpu, optimizer);
}

}  // namespace

TEST_CASE_TEMPLATE("an optimizer's steps on a device are Reference's, the same bits in every run", T, float,
                   double) {
    const double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-13;
    daf::Reference reference;
    for (const daf::Optimizer& optimizer : daf_test::every_optimizer()) {
        for (const daf::Index behind_aligned : {0, 1}) {
            INFO("rule ", optimizer.index(), ", from element ", behind_aligned);
            const auto steps = [&]<class Number>(auto& ctx, Number) {
                return daf_test::after_three_steps<Number>(ctx, optimizer, 5000, 77, behind_aligned);
            };
            const auto want = steps(reference, 0.0);
            daf::Gpu gpu;
            const std::vector<T> first = steps(gpu, T(0));
            CHECK(daf_test::relative_difference(first, want) < tolerance);
            for (int again = 2; again <= 10; ++again) CHECK(steps(gpu, T(0)) == first);
        }
    }
}

TEST_CASE("twenty training steps on a device are those of the CPU") {
    daf::Gpu gpu;
    const Trained got = daf_test::trained<float>(gpu), want = daf_test::trained_on_cpu();
    // It does learn: what is compared has gone through every gradient and through Adam's moments.
    CHECK(want.losses[0] > 2.5);
    CHECK(want.losses[3 * 16] < 0.6);
    // On the CPU alone, floats and doubles part by 1.0e-5 in the losses and 3.5e-6 in the parameters; TF32
    // would by far more.
    CHECK(difference(got.losses, want.losses) <= 3e-4);
    CHECK(difference(got.parameters, want.parameters) <= 1e-4);
    CHECK(difference(got.counts, want.counts) <= 1);  // a sample may lie where a rounding decides
}

TEST_CASE("twenty training steps by SGD on a device are those of the CPU, the same bits in every run") {
    const Trained got = trained_as<float>({}, daf_test::by_sgd),
                  want = daf_test::trained_on_cpu(daf_test::by_sgd);
    CHECK(want.losses[3 * 16] < 0.8);
    CHECK(difference(got.losses, want.losses) <= 3e-4);
    CHECK(difference(got.parameters, want.parameters) <= 1e-4);
    CHECK(difference(got.counts, want.counts) <= 1);
    for (int again = 2; again <= 3; ++again) CHECK(trained_as<float>({}, daf_test::by_sgd) == got);
}

TEST_CASE("twenty training steps on a device in TF32 stay near those of the CPU in float") {
    const daf::CudnnChoice tf32{.tf32 = true};
    const Trained got = trained_as<float>(tf32), want = daf_test::trained_on_cpu();
    CHECK(got.losses[3 * 16] < 0.6);
    // On the stand-ins, which round what the chosen engines do, losses part by 1.0e-4 and parameters by
    // 2.9e-4; a gradient near zero whose sign is another one makes two of Adam's steps of 0.03.
    CHECK(difference(got.losses, want.losses) <= 0.02);
    CHECK(difference(got.parameters, want.parameters) <= 0.06);
    CHECK(difference(got.counts, want.counts) <= 2);
    CHECK(got.losses != trained_as<float>({}).losses);
    for (int again = 2; again <= 3; ++again) CHECK(trained_as<float>(tf32) == got);
}

TEST_CASE(
    "twenty training steps on a device whose convolutions add up statistics stay near those of the CPU") {
    const daf::CudnnChoice fused{.fused_statistics = true};
    const Trained got = trained_as<daf::bf16>(fused), want = daf_test::trained_on_cpu();
    CHECK(got.losses[3 * 16] < 0.6);
    CHECK(difference(got.losses, want.losses) <= 0.8);  // as in bf16 without
    CHECK(difference(got.parameters, want.parameters) <= 0.35);
    CHECK(difference(got.counts, want.counts) <= 2);
    CHECK(got.losses != trained_as<daf::bf16>({}).losses);
    for (int again = 2; again <= 3; ++again) CHECK(trained_as<daf::bf16>(fused) == got);
}

TEST_CASE("twenty training steps on a device with activations in bf16 stay near those of the CPU in float") {
    daf::Gpu gpu;
    const Trained got = daf_test::trained<daf::bf16>(gpu), want = daf_test::trained_on_cpu();
    CHECK(got.losses[3 * 16] < 0.6);  // it learns as well
    // Where a gradient is near zero Adam makes a step of 0.03 of its sign: on the stand-ins losses part by
    // 0.19, parameters by 0.17 and counts by 1, on an H100 losses by 0.55.
    CHECK(difference(got.losses, want.losses) <= 0.8);
    CHECK(difference(got.parameters, want.parameters) <= 0.35);
    CHECK(difference(got.counts, want.counts) <= 2);
    CHECK(got.losses != want.losses);
}

TEST_CASE("a step on images that are rounded to bf16 is about that on the images themselves") {
    using Net = daf_test::TinyNetwork;
    const daf_test::TinyData<float> data(16);
    const std::vector<float>& pixels = data.pixels;
    const daf::Labels<> labels = data.classes();
    // [narrow_activations]
    daf::Gpu gpu;
    daf::Learner<Net, daf::Gpu, daf::bf16> learner(gpu, daf::max_batch(16), daf::Seed{1});
    const std::vector<daf::bf16> images(pixels.begin(), pixels.end());  // rounded to the nearest
    const daf::StepResult result = learner.step(daf::batch_of<Net::Input>(images), labels);
    const daf::DeviceSlab<float> parameters = learner.parameters();  // floats, in the GPU's memory
    // [/narrow_activations]
    daf::Learner<Net, daf::Gpu> in_float(gpu, daf::max_batch(16), daf::Seed{1});
    const double want = in_float.step(data.images(), labels).loss;
    CHECK(result.loss != want);
    CHECK(result.loss == doctest::Approx(want).epsilon(0.02));
    CHECK(parameters.size() == in_float.parameters().size());
}

TEST_CASE_TEMPLATE("ten runs of a training on a device leave the same bits", T, float, daf::bf16) {
    const auto run = [] {
        daf::Gpu gpu;
        return daf_test::trained<T>(gpu);
    };
    const Trained first = run();
    for (int again = 2; again <= 10; ++again) {
        INFO("run ", again);
        CHECK(run() == first);
    }
}
