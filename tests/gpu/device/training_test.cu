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

/// How far two tensors are apart, of the length of what is wanted.
double distance(const auto& got, const auto& want) {
    double apart = 0, length = 0;
    for (daf::Index i = 0; i < want.size(); ++i) {
        apart += (got[i] - want[i]) * (got[i] - want[i]);
        length += want[i] * want[i];
    }
    return apart == 0 ? 0 : std::sqrt(apart / length);  // of a NaN it is one
}

/// The first steps of `got`: losses, each to a difference, and in as many steps as are asked for every tensor
/// of gradients, to a part of its length.
void check_first_steps(const std::vector<daf_test::FirstStep>& got, double of_losses, double of_gradients,
                       std::size_t steps_of_gradients) {
    using Net = daf_test::WideNetwork;
    const std::vector<daf_test::FirstStep> want = daf_test::first_steps_on_cpu();
    const auto names = daf::operator_names<Net>();
    for (std::size_t step = 0; step < want.size(); ++step) {
        INFO("step ", step + 1);
        CHECK(difference(got[step].losses, want[step].losses) <= of_losses);
        if (step >= steps_of_gradients) continue;
        const auto mine = daf::bind_all_gradients<Net>(got[step].gradients.data()),
                   its = daf::bind_all_gradients<Net>(want[step].gradients.data());
        daf::static_for<decltype(its)::size>([&](auto i) {
            daf::for_each_pair(daf::get<i>(mine), daf::get<i>(its),
                               [&](const auto& field, const auto& a, const auto& b) {
                                   if (field.role == daf::Role::state) return;  // they have no gradients
                                   INFO(daf::parameter_name(names[i], field.name));
                                   CHECK(distance(a, b) <= of_gradients);
                               });
        });
    }
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

// By how much these part on the stand-ins, and may part here:
//            losses              gradients of a tensor
//   float    8e-8     1e-5       2.4e-6   1e-4     three steps
//   TF32     6.2e-5   1e-3       1.1e-3   1e-2     three steps
//   bf16     0.0056   0.02       0.036    0.15     the first step
// In bf16 a ReLU, a maximum or a margin decides otherwise here and there, and more often with every step:
// from 30 other starts the first step's gradients part by 0.09 in the median. A device adds products up in
// float, so it rounds few of them otherwise than the stand-ins do; in float an engine by Winograd may be off
// by 1e-5.
TEST_CASE("the first steps on a device are the CPU's") {
    daf::Gpu gpu;
    check_first_steps(daf_test::first_steps<float>(gpu), 1e-5, 1e-4, 3);
}

TEST_CASE("the first steps on a device in TF32 are the CPU's, but for the factors' rounding") {
    daf::Gpu gpu;
    gpu.set_cudnn({.tf32 = true});
    check_first_steps(daf_test::first_steps<float>(gpu), 1e-3, 1e-2, 3);
}

TEST_CASE("the first steps on a device with activations in bf16 are the CPU's, but for their rounding") {
    for (const bool fused : {false, true}) {
        INFO("statistics of the convolutions' own: ", fused);
        daf::Gpu gpu;
        gpu.set_cudnn({.fused_statistics = fused});
        check_first_steps(daf_test::first_steps<daf::bf16>(gpu), 0.02, 0.15, 1);
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

// After some steps by Adam in bf16 little can be demanded: where a gradient is near zero it makes a step of
// 0.03 of its sign. What the steps are is the first ones' to show.
TEST_CASE("a network learns on a device whose convolutions add up statistics, the same bits in every run") {
    const daf::CudnnChoice fused{.fused_statistics = true};
    const Trained got = trained_as<daf::bf16>(fused);
    CHECK(got.losses[3 * 16] < 0.6);
    CHECK(got.losses != trained_as<daf::bf16>({}).losses);
    for (int again = 2; again <= 3; ++again) CHECK(trained_as<daf::bf16>(fused) == got);
}

TEST_CASE("a network learns on a device with activations in bf16") {
    const Trained got = trained_as<daf::bf16>({}), in_float = trained_as<float>({});
    CHECK(got.losses[3 * 16] < 0.6);
    CHECK(got.losses != in_float.losses);
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
