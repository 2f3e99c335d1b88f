// A Learner on Gpu, from its steps to the recorded work, on the stand-ins for the CUDA runtime and for the
// execution of cuDNN's plans.
#include <daf/daf.cuh>
#include <daf/net/inference.hpp>
#include <daf/net/learner.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/counting.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/linear.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/optimizer.hpp>
#include <daf/reference/reduction.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>
#include <daf/reference/triplet_centre_loss.hpp>
#include <daf/train/checkpoint.hpp>

#include "../../support/refused_steps.hpp"
#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_cudnn.hpp"
#include "../support/stand_in_runtime.hpp"
#include "tiny_runs.hpp"

using daf::Index;
using daf_test::batch_of_step;
using daf_test::check_near;
using daf_test::cudnn_figures;
using daf_test::descent;
using daf_test::difference;
using daf_test::message_of;
using daf_test::most_images;
using daf_test::parameters_of;
using daf_test::Run;
using daf_test::run_of;
using daf_test::runtime_figures;
using daf_test::steps;
using daf_test::tiny_learner;
using daf_test::tiny_run;
using daf_test::TinyData;
using daf_test::TinyNetwork;
using daf_test::values_of;

TEST_CASE("training on Gpu, recorded from its second step of a size on, goes as on Reference") {
    daf::Reference reference;
    {
        daf::Gpu gpu;
        const auto launched = runtime_figures().recordings_launched;
        check_near(tiny_run(gpu), tiny_run(reference), 2e-5);
        CHECK(runtime_figures().recordings_launched == launched + steps - 2);
        // Adam divides by gradients that may be tiny.
        check_near(tiny_run(gpu, daf::Adam{}), tiny_run(reference, daf::Adam{}), 1e-3);
        check_near(tiny_run(gpu, descent, {.softmax_weight = 0}),
                   tiny_run(reference, descent, {.softmax_weight = 0}), 2e-5);
    }
    CHECK(runtime_figures().allocations == 0);
    CHECK(runtime_figures().pinned == 0);
    CHECK(runtime_figures().streams == 0);
    CHECK(runtime_figures().recordings == 0);
}

TEST_CASE("a network without a metric loss trains on Gpu as on Reference, and is used as it was trained") {
    using Classifier = daf::Network<daf_test::TinyTrunk, daf_test::TinyHead>;
    const auto learner_on = [](auto& ctx) {
        return daf::Learner<Classifier, std::remove_reference_t<decltype(ctx)>>(
            ctx, daf::max_batch(most_images), daf::Seed{5}, Classifier{}, {}, descent);
    };
    daf::Reference reference;
    auto expected = learner_on(reference);
    daf::Gpu gpu;
    auto learner = learner_on(gpu);
    check_near(run_of(learner), run_of(expected), 2e-5);

    const TinyData<float> data(most_images);
    const daf::Inference<Classifier, daf::Gpu> net(gpu, learner.parameters());
    auto workspace = net.workspace(gpu, daf::max_batch(most_images));
    const auto x = gpu.upload(data.images());
    const auto got = gpu.download(net(gpu, workspace, x).logits);
    const auto want = expected.evaluate(data.images()).logits;
    CHECK(difference(std::vector<float>(got.data(), got.data() + got.size()),
                     std::vector<float>(want.data(), want.data() + want.size())) <= 2e-5);
}

TEST_CASE("a recording that is launched leaves the bits of the calls that it holds") {
    daf::Gpu gpu;
    const Run recorded = tiny_run(gpu);
    auto learner = tiny_learner(gpu);
    const auto launched = runtime_figures().recordings_launched;
    const Run direct = run_of(learner, [&](int step) {
        // A choice that is new since the last step of this size makes recordings void.
        gpu.set_cudnn({.most_workspace = daf::CudnnChoice::usual_workspace - step / 2 % 2});
    });
    CHECK(runtime_figures().recordings_launched == launched);
    CHECK(direct == recorded);
}

TEST_CASE("a recorded step neither allocates nor waits, and finishing it waits for it alone") {
    daf::Gpu gpu;
    auto learner = tiny_learner(gpu);
    const TinyData<float> data(most_images);
    for (int i = 0; i < 2; ++i) learner.step(data.images(), data.classes());
    const auto before = runtime_figures();
    const auto plans = cudnn_figures().plans;
    for (int i = 0; i < 3; ++i) learner.step(data.images(), data.classes());
    const auto after = runtime_figures();
    CHECK(after.allocations == before.allocations);
    CHECK(after.pinned == before.pinned);
    CHECK(after.waits == before.waits);
    CHECK(after.event_waits == before.event_waits + 3);
    CHECK(after.launches == before.launches);
    CHECK(after.recordings_launched == before.recordings_launched + 3);
    CHECK(after.recordings == before.recordings);
    CHECK(cudnn_figures().plans == plans);
}

TEST_CASE("a learning rate that changes after the recording is obeyed") {
    const auto run = [](auto& ctx) {
        auto learner = tiny_learner(ctx, daf::Adam{});
        return run_of(learner, [&](int step) { learner.set_learning_rate(step < 5 ? 1e-3 : 0.05); });
    };
    daf::Reference reference;
    daf::Gpu gpu;
    check_near(run(gpu), run(reference), 5e-3);

    auto learner = tiny_learner(gpu);
    run_of(learner);
    const auto weights = [&] {
        const daf::DeviceSlab<const float> slab(
            learner.parameters().data(),
            static_cast<std::size_t>(daf::parameter_segments<TinyNetwork>.decayed));
        return values_of<TinyNetwork>(gpu, slab);
    };
    const auto before = weights();
    learner.set_learning_rate(0);
    const TinyData<float> data(most_images);
    learner.step(data.images(), data.classes());
    CHECK(weights() == before);
}

TEST_CASE("dropout draws anew in every recorded step, as told where the batch stands") {
    const TinyData<float> data(most_images);
    const auto run = [&](auto& ctx) {
        auto learner = tiny_learner(ctx, daf::Sgd{.learning_rate = 0}, {.centre_rate = 0});
        std::vector<float> losses;
        for (const std::uint32_t first : {0u, 0u, 0u, 0u, 1000u}) {
            losses.push_back(static_cast<float>(learner.step(data.images(), data.classes(), first).softmax));
        }
        learner.draws() = 3;  // the fourth step's numbers again, first as they were, then elsewhere
        for (const std::uint32_t first : {0u, 1000u}) {
            losses.push_back(static_cast<float>(learner.step(data.images(), data.classes(), first).softmax));
            learner.draws() = 3;
        }
        return losses;
    };
    daf::Gpu gpu;
    const auto losses = run(gpu);
    for (std::size_t i = 0; i < 5; ++i) {
        for (std::size_t j = i + 1; j < 5; ++j) CHECK(losses[i] != losses[j]);
    }
    CHECK(losses[5] == losses[3]);
    CHECK(losses[6] != losses[3]);
    daf::Reference reference;
    CHECK(difference(losses, run(reference)) < 1e-5);
}

TEST_CASE(
    "queued steps give what single ones do, whatever the order of streams, though their input is reused") {
    daf::Gpu gpu;
    const Run one_by_one = tiny_run(gpu);
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        INFO("order ", seed);
        daf_test::order_streams(seed);
        auto learner = tiny_learner(gpu);
        Run run;
        TinyData<float> data(most_images);
        for (int step = 0; step < steps; ++step) {
            const TinyData<float> next = batch_of_step(step);
            std::ranges::copy(next.pixels, data.pixels.begin());
            std::ranges::copy(next.labels, data.labels.begin());
            const Index count = next.classes().count();
            learner.queue_step(data.images().slice(0, count), data.classes().slice(0, count));
            if (step > 0) run.add(learner.finish_step());
        }
        CHECK(learner.unfinished_steps() == 1);
        run.add(learner.finish_step());
        run.parameters = parameters_of(learner);
        CHECK(run == one_by_one);
    }
}

TEST_CASE("an inference is ready for other contexts when it is made, of parameters in host memory too") {
    daf::Reference reference;
    daf::Model<daf_test::TinyTrunk, daf::Reference> model(reference, daf::max_batch(most_images),
                                                          daf::Seed{5});
    const std::vector<float> parameters(model.parameters().begin(), model.parameters().end());
    const TinyData<float> data(most_images);
    const auto want = model.forward(data.images());
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        INFO("order ", seed);
        daf_test::order_streams(seed);
        daf::Gpu maker, user;
        daf::Model<daf_test::TinyTrunk, daf::Gpu> there(maker, daf::max_batch(1), daf::Seed{5});
        const auto x = user.upload(data.images());
        const auto check = [&](const daf::Inference<daf_test::TinyTrunk, daf::Gpu>& net) {
            auto workspace = net.workspace(user, daf::max_batch(most_images));
            const auto got = user.download(net(user, workspace, x));
            CHECK(difference(std::vector<float>(got.data(), got.data() + got.size()),
                             std::vector<float>(want.data(), want.data() + want.size())) <= 2e-5);
        };
        check({maker, there.parameters()});
        check({maker, std::span<const float>(parameters)});
    }
}

TEST_CASE("images in the GPU's memory train as those in the host's do") {
    daf::Gpu gpu;
    auto learner = tiny_learner(gpu);
    Run run;
    for (int step = 0; step < steps; ++step) {
        const TinyData<float> data = batch_of_step(step);
        run.add(learner.step(gpu.upload(data.images()), gpu.upload(data.classes())));
    }
    run.parameters = parameters_of(learner);
    CHECK(run == tiny_run(gpu));
}

TEST_CASE("a step that must not be changes nothing, and the next one is as if it had not been tried") {
    daf::Gpu gpu;
    auto learner = tiny_learner(gpu);
    Run run;
    for (int step = 0; step < steps; ++step) {
        TinyData<float> data = batch_of_step(step);
        const std::int32_t kept = std::exchange(data.labels[1], 3);
        CHECK(message_of<daf::ArgumentError>([&] { learner.step(data.images(), data.classes()); }) ==
              "softmax_cross_entropy: label 3 of sample 1 is not a class: expected 0 to 2");
        data.labels[1] = kept;
        run.add(learner.step(data.images(), data.classes()));
    }
    run.parameters = parameters_of(learner);
    CHECK(run == tiny_run(gpu));

    CHECK(message_of<daf::Error>([&] { learner.finish_step(); }) ==
          "Learner: finish_step: no step is queued");
    const TinyData<float> data(most_images);
    learner.queue_step(data.images(), data.classes());
    CHECK(message_of<daf::Error>([&] { learner.step(data.images(), data.classes()); }) ==
          "Learner: step: 1 queued steps are not finished: call finish_step() first");
    learner.queue_step(data.images(), data.classes());
    CHECK(message_of<daf::Error>([&] { learner.queue_step(data.images(), data.classes()); }) ==
          "Learner: queue_step: 2 queued steps are not finished: call finish_step() first");
}

TEST_CASE("recordings are made again when the scratch has moved, or more could not be had") {
    daf::Gpu gpu;
    auto learner = tiny_learner(gpu);
    const Run run = run_of(learner, [&](int step) {
        if (step == 5) gpu.reserve(2 * gpu.arena().capacity());
        if (step == 6) CHECK_THROWS_AS(gpu.reserve(Index{1} << 40), daf::CudaError);
    });
    CHECK(run == tiny_run(gpu));
}

TEST_CASE("a checkpoint that one backend wrote, another one reads: the same bits") {
    const daf_test::ScratchFolder folder;
    daf::Reference reference;
    daf::Gpu gpu;
    const auto crosses = [&](auto& from_ctx, auto& to_ctx) {
        auto from = tiny_learner(from_ctx, daf::Adam{});
        auto to = tiny_learner(to_ctx, daf::Adam{});
        run_of(from);
        const auto first = folder / "first.safetensors", second = folder / "second.safetensors";
        daf::save_checkpoint(first, from, {"tiny"});
        daf::load_checkpoint(first, to, "tiny");
        CHECK(parameters_of(to) == parameters_of(from));
        for (const Index which : {0, 1}) {
            CHECK(values_of<TinyNetwork>(to_ctx, to.moment(which)) ==
                  values_of<TinyNetwork>(from_ctx, from.moment(which)));
        }
        CHECK(to.updates() == from.updates());
        CHECK(to.draws() == from.draws());
        // The same file comes out again.
        CHECK(daf::save_checkpoint(second, to, {"tiny"}) == daf::save_checkpoint(first, from, {"tiny"}));
    };
    crosses(reference, gpu);
    crosses(gpu, reference);
}

TEST_CASE("with activations in bf16 training stays near that in float, and recordings leave the same bits") {
    using daf::bf16;
    daf::Gpu gpu;
    const Run in_float = tiny_run(gpu);
    auto learner = tiny_learner<bf16>(gpu), again = tiny_learner<bf16>(gpu);
    const auto launched = runtime_figures().recordings_launched;
    const Run recorded = run_of(learner);
    CHECK(runtime_figures().recordings_launched == launched + steps - 2);
    CHECK(difference(recorded.losses, in_float.losses) <= 0.05);
    CHECK(difference(recorded.parameters, in_float.parameters) <= 0.01);
    CHECK(recorded.losses != in_float.losses);
    const Run direct = run_of(again, [&](int step) {
        gpu.set_cudnn({.most_workspace = daf::CudnnChoice::usual_workspace - step / 2 % 2});
    });
    CHECK(direct == recorded);
}

TEST_CASE("a checkpoint's bytes do not depend on the activations' type") {
    const daf_test::ScratchFolder folder;
    daf::Reference reference;
    daf::Gpu gpu;
    auto in_float = tiny_learner(reference, daf::Adam{});
    auto in_bf16 = tiny_learner<daf::bf16>(gpu, daf::Adam{});
    const auto first = folder / "first.safetensors", second = folder / "second.safetensors";
    // At the start, where nothing has been computed in either.
    CHECK(daf::save_checkpoint(first, in_float, {"tiny"}) == daf::save_checkpoint(second, in_bf16, {"tiny"}));
    run_of(in_float);
    run_of(in_bf16);
    const auto crosses = [&](auto& from, auto& to) {
        const std::string sum = daf::save_checkpoint(first, from, {"tiny"});
        daf::load_checkpoint(first, to, "tiny");
        CHECK(daf::save_checkpoint(second, to, {"tiny"}) == sum);
    };
    const std::vector<float> trained = parameters_of(in_bf16);
    crosses(in_bf16, in_float);
    CHECK(parameters_of(in_float) == trained);
    auto other = tiny_learner<daf::bf16>(gpu, daf::Adam{});
    crosses(in_float, other);
    CHECK(run_of(other) == run_of(in_bf16));
}

TEST_CASE("training on the Gpu goes on from a checkpoint to the same bits as undisturbed") {
    const daf_test::ScratchFolder folder;
    daf::Gpu gpu;
    auto undisturbed = tiny_learner(gpu, daf::Adam{}), resumed = tiny_learner(gpu, daf::Adam{});
    run_of(undisturbed);
    daf::save_checkpoint(folder / "a.safetensors", undisturbed, {"tiny"});
    run_of(resumed);  // whatever it held before, its recordings among that
    daf::load_checkpoint(folder / "a.safetensors", resumed, "tiny");
    CHECK(run_of(resumed) == run_of(undisturbed));
}

TEST_CASE("after a loss that is not finite parameters stay, and the first operator concerned is found") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    daf::Gpu gpu;
    const auto check = [&](Index want, const auto& plant) {
        auto learner = tiny_learner(gpu);
        TinyData<float> data(most_images);
        for (int i = 0; i < 2; ++i) learner.step(data.images(), data.classes());
        plant(learner, data);
        const auto before = parameters_of(learner);
        CHECK_FALSE(std::isfinite(learner.step(data.images(), data.classes()).loss));
        const auto after = parameters_of(learner);
        constexpr auto decayed = daf::parameter_segments<TinyNetwork>.decayed;
        for (std::size_t i = 0; i < static_cast<std::size_t>(decayed); ++i) {
            if (!std::isnan(before[i])) REQUIRE(after[i] == before[i]);
        }
        CHECK(learner.first_not_finite(gpu.upload(data.images())) == want);
    };
    const auto set = [&](auto view, Index at) { gpu.copy_in(view.data() + at, &nan, 1); };
    check(-1, [&](auto&, auto& data) { data.pixels[70] = nan; });
    check(2, [&](auto& learner, auto&) { set(learner.template parameters_of<2>().weight, 3); });
    check(8, [&](auto& learner, auto&) { set(learner.template parameters_of<8>().bias, 1); });
    check(TinyNetwork::metric_at, [&](auto& learner, auto&) { set(learner.centres(), 0); });
}

TEST_CASE(
    "a step behind one whose loss is not finite leaves the weights alone too, until the host has been given "
    "that "
    "loss") {
    daf::Gpu gpu;
    const auto recorded = runtime_figures().recordings_launched;
    daf_test::check_refused_steps(gpu);
    CHECK(runtime_figures().recordings_launched > recorded);
}

TEST_CASE("the part of the preset lite behind its convolutions trains as on Reference") {
    namespace layer = daf::layer;
    using Map = daf::Shape<3, 3, 128>;
    using Trunk = daf::Sequence<Map, layer::DualAttention<8, 7>, layer::Dropout,
                                layer::Linear<128, daf::Start::he>, layer::Relu>;
    using Head = daf::Sequence<daf::Shape<128>, layer::Dropout, layer::Linear<7>>;
    using Net = daf::Network<Trunk, Head, daf::TripletCentreLoss<daf::Shape<128>, 7>>;
    const auto lite_run = [](auto& ctx) {
        daf::Learner<Net, std::remove_reference_t<decltype(ctx)>> learner(
            ctx, daf::max_batch(8), daf::Seed{3}, Net{}, daf::JointObjective{}, descent);
        Run run;
        for (std::uint64_t step = 0; step < 5; ++step) {
            const std::vector<float> maps = daf_test::numbers(8 * Map::size, step);
            const std::vector<std::int32_t> labels{0, 1, 2, 3, 4, 5, 6, 0};
            run.add(learner.step(daf::batch_of<Map>(maps), daf::labels_of(labels)));
        }
        run.parameters = parameters_of(learner);
        return run;
    };
    daf::Reference reference;
    daf::Gpu gpu;
    check_near(lite_run(gpu), lite_run(reference), 5e-5);
}
