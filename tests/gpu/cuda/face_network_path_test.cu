// The networks of daf-cnn on Gpu: what the program asks of them, on the stand-ins for the CUDA runtime and
// for the execution of cuDNN's plans. A preset of the program's shape, small enough for plain loops.
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

#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_cudnn.hpp"
#include "../support/stand_in_runtime.hpp"
#include "network/compiled_gpu_preset.cuh"
#include "numbers.hpp"

using daf::Index;
using daf_cnn::Attention;
using daf_cnn::FaceLearner;
using daf_cnn::FaceNetwork;
using daf_cnn::Precision;
using daf_test::difference;

namespace {

struct Small {
    static constexpr const char* name = "small";
    static constexpr Index side = 16;
    static constexpr std::array<Index, 5> widths{2, 2, 3, 4, 8};
    static constexpr Index embedding = 6;
    static constexpr bool last_pool = false;
};

constexpr Index images = 4;

daf_cnn::NetworkSettings settings() {
    daf_cnn::NetworkSettings chosen;
    chosen.largest_batch = images;
    chosen.optimizer = daf::Sgd{.learning_rate = 1e-3};
    return chosen;
}
template <class Backend>
std::unique_ptr<FaceLearner> learner_on(std::shared_ptr<Backend> ctx) {
    return std::make_unique<daf_cnn::detail::CompiledLearner<Small, Attention::full, Backend>>(std::move(ctx),
                                                                                               settings());
}
daf_cnn::NetworkSettings settings(Precision precision) {
    daf_cnn::NetworkSettings chosen = settings();
    chosen.placement = {daf_cnn::Device::gpu, precision};
    return chosen;
}
std::unique_ptr<FaceLearner> learner_on_gpu(const daf_cnn::NetworkSettings& chosen) {
    return daf_cnn::detail::made_on_gpu<daf_cnn::detail::CompiledLearner, Small, Attention::full>(chosen);
}
std::unique_ptr<FaceNetwork> network_on_gpu(const daf_cnn::NetworkSettings& chosen) {
    return daf_cnn::detail::made_on_gpu<daf_cnn::detail::CompiledNetwork, Small, Attention::full>(chosen);
}
std::unique_ptr<FaceLearner> learner_in(Precision precision) {
    return learner_on_gpu(settings(precision));
}
std::unique_ptr<FaceNetwork> network_in(Precision precision) {
    return network_on_gpu(settings(precision));
}

/// What `work` is refused with where a GPU has `bytes` free; empty where that is enough.
template <class Work>
std::string refusal(std::size_t bytes, const Work& work) {
    auto& machine = daf_test::machine();
    const auto whole = machine;
    machine.elsewhere = daf_test::free_memory() - bytes;
    const std::string message = daf_test::message_of<daf::CudaError>(work);
    machine = whole;
    return message;
}

const std::vector<std::int32_t> labels{0, 3, 6, 3};
std::vector<float> pixels(std::uint64_t seed) {
    return daf_test::numbers(images * Small::side * Small::side, seed);
}

/// Of a step.
constexpr std::size_t figures = 6;

/// What a network says, number by number: first the figures of three steps.
std::vector<float> said_by(FaceLearner& network) {
    std::vector<float> said;
    const auto say = [&](const auto&... numbers) { (said.push_back(static_cast<float>(numbers)), ...); };
    const auto say_all = [&](const auto& numbers) {
        for (const auto number : numbers) say(number);
    };
    for (std::uint64_t step = 0; step < 3; ++step) {
        const daf::StepResult result = network.step(pixels(step), labels);
        say(result.loss, result.softmax, result.metric, result.active, result.correct, result.count);
    }
    network.set_learning_rate(1e-3);
    network.step(pixels(3), labels);
    daf_cnn::Judgement judgement;
    network.judge(pixels(4), labels, judgement);
    say(judgement.softmax_sum, judgement.tc_sum, judgement.active, judgement.images());
    for (const daf_cnn::Reading& reading : network.read(pixels(5))) {
        say_all(reading.probabilities);
        say_all(reading.embedding);
        say(reading.prediction);
    }
    const auto gazes = network.gaze(pixels(6));
    REQUIRE(gazes.size() == images);
    for (const daf_cnn::Gaze& gaze : gazes) {
        say_all(gaze.map);
        say_all(gaze.channel_gate);
        say_all(gaze.spatial_gate);
    }
    std::vector<float> centres = network.centres();
    say_all(centres);
    for (float& c : centres) c += 1;
    network.set_centres(centres);
    CHECK(network.centres() == centres);
    say_all(network.centre_norms());
    return said;
}

}  // namespace

TEST_CASE("a network of the program says on Gpu what it says on Reference, and its checkpoints cross") {
    const daf_test::ScratchFolder folder;
    const auto reference = learner_on(std::make_shared<daf::Reference>());
    const auto gpu = learner_on(std::make_shared<daf::Gpu>());
    const std::vector<float> got = said_by(*gpu), want = said_by(*reference);
    REQUIRE(got.size() == want.size());
    // 18 normalisations over four images, some of a single position, make the most of every rounding, more
    // with every step. On Reference alone, at this rate, one weight off by one rounding changes a loss of the
    // third step by 5.5e-5 and a weight behind the fourth by 2.9e-3; floats and doubles part by 3.5e-4
    // and 1.3e-3, doubles on Cpu and on Reference by 1e-13.
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double tolerance = i < figures ? 1e-6 : i < 2 * figures ? 5e-6 : i < 3 * figures ? 5e-4 : 3e-3;
        INFO("number ", i);
        CHECK(got[i] == doctest::Approx(want[i]).epsilon(tolerance).scale(1));
    }
    CHECK(gpu->architecture() == "daf-cnn small attention=full");

    const auto path = folder / "a.safetensors";
    gpu->save(path, {});
    const auto file = daf::open_checkpoint(path);
    reference->restore(file);
    CHECK(reference->centres() == gpu->centres());
    const auto restored = learner_on(std::make_shared<daf::Gpu>());
    reference->save(path, {});
    restored->restore(daf::open_checkpoint(path));
    CHECK(said_by(*restored) == said_by(*gpu));  // to the last bit
}

TEST_CASE(
    "a network of the program in bf16 says about what it says in float, and their checkpoints are one") {
    using daf_cnn::detail::gpu_for;
    CHECK_FALSE(gpu_for(Precision::single)->cudnn().tf32);
    CHECK(gpu_for(Precision::tf32)->cudnn().tf32);
    const daf_test::ScratchFolder folder;
    const auto in_bf16 = learner_in(Precision::bf16), in_float = learner_in(Precision::single);
    CHECK(in_bf16->bytes() < in_float->bytes());
    const double loss = in_bf16->step(pixels(0), labels).loss,
                 wanted = in_float->step(pixels(0), labels).loss;
    CHECK(loss != wanted);
    CHECK(loss == doctest::Approx(wanted).epsilon(0.1));

    const auto first = folder / "first.safetensors", second = folder / "second.safetensors";
    const std::string sum = in_bf16->save(first, {});
    in_float->restore(daf::open_checkpoint(first));
    CHECK(in_float->save(second, {}) == sum);
    CHECK(in_float->centres() == in_bf16->centres());
    const auto here = in_bf16->read(pixels(5)), there = in_float->read(pixels(5));
    const auto gaze = in_bf16->gaze(pixels(6)), wanted_gaze = in_float->gaze(pixels(6));
    for (std::size_t i = 0; i < here.size(); ++i) {
        for (std::size_t k = 0; k < here[i].probabilities.size(); ++k) {
            CHECK(std::abs(here[i].probabilities[k] - there[i].probabilities[k]) < 0.05);
        }
        CHECK(difference(gaze[i].spatial_gate, wanted_gaze[i].spatial_gate) < 0.05);
        CHECK(difference(gaze[i].channel_gate, wanted_gaze[i].channel_gate) < 0.05);
    }
    daf_cnn::Judgement judgement, wanted_judgement;
    in_bf16->judge(pixels(4), labels, judgement);
    in_float->judge(pixels(4), labels, wanted_judgement);
    CHECK(judgement.softmax_sum == doctest::Approx(wanted_judgement.softmax_sum).epsilon(0.1));
    CHECK(judgement.tc_sum == doctest::Approx(wanted_judgement.tc_sum).epsilon(0.1));
    in_bf16->set_centres(std::vector<float>(7 * Small::embedding, std::nanf("")));
    CHECK(std::isnan(in_bf16->step(pixels(1), labels).loss));
    CHECK(in_bf16->first_not_finite(pixels(1)) == "the losses");
}

TEST_CASE("the first layer concerned is named where the loss or a judgement is not finite") {
    const auto gpu = learner_on(std::make_shared<daf::Gpu>());
    std::vector<float> bad = pixels(1);
    bad[5] = std::nanf("");
    CHECK(std::isnan(gpu->step(bad, labels).loss));
    CHECK(gpu->first_not_finite(bad) == "the images");
    CHECK(gpu->first_not_finite_judging(bad) == "the images");
    std::vector<float> centres = gpu->centres();
    centres[0] = std::nanf("");
    gpu->set_centres(centres);
    CHECK(std::isnan(gpu->step(pixels(1), labels).loss));
    CHECK(gpu->first_not_finite(pixels(1)) == "the losses");
    // With the next step under way already, as in a training loop.
    CHECK(gpu->runs_beside_host());
    gpu->queue_step(bad, labels);
    gpu->queue_step(pixels(2), labels);
    CHECK(std::isnan(gpu->finish_step().loss));
    CHECK(gpu->first_not_finite(bad) == "the images");
    CHECK(std::isnan(gpu->finish_step().loss));
    CHECK(gpu->first_not_finite(pixels(2)) == "the losses");
}

TEST_CASE("a GPU with too little memory is refused before anything is taken or planned, in numbers") {
    auto& machine = daf_test::machine();
    const auto whole = machine;
    machine.memory = 20'000;
    const auto plans = daf_test::cudnn_figures().plans;
    const auto message =
        daf_test::message_of<daf::CudaError>([] { static_cast<void>(learner_on_gpu(settings())); });
    const auto of_bench = [](daf_cnn::BenchMode mode) {
        return daf_test::message_of<daf::CudaError>(
            [&] { daf_cnn::make_gpu_bench<Small>(Precision::single, mode, 400); });
    };
    CHECK(of_bench(daf_cnn::BenchMode::train).starts_with("CUDA: training small in batches of 400 needs "));
    CHECK(
        of_bench(daf_cnn::BenchMode::infer).starts_with("CUDA: inference of small in batches of 400 needs "));
    CHECK(of_bench(daf_cnn::BenchMode::attention)
              .starts_with("CUDA: the attention of small in batches of 400 needs "));
    for (const auto mode : {daf_cnn::BenchMode::tc, daf_cnn::BenchMode::tc_1000}) {
        CHECK(of_bench(mode).starts_with("CUDA: the Triplet-Centre loss of small in batches of 400 needs "));
    }
    machine = whole;
    CHECK(daf_test::cudnn_figures().plans == plans);  // cuDNN has words of its own for a batch too large
    INFO(message);
    CHECK(message.starts_with("CUDA: the network daf-cnn small attention=full for batches of 4 needs "));
    CHECK(message.find("0 MB of its 1 MB are free: take a smaller batch or network") != std::string::npos);
}

TEST_CASE("a trained network judges on Gpu as its learner does, to the last bit, in less memory") {
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    for (const Precision precision : {Precision::single, Precision::bf16}) {
        const auto learner = learner_in(precision);
        learner->step(pixels(0), labels);
        learner->save(path, {});
        const auto network = network_in(precision);
        network->take_parameters(daf::open_checkpoint(path));
        CHECK(network->bytes() < learner->bytes());
        CHECK(network->centres() == learner->centres());
        const auto here = network->read(pixels(5)), there = learner->read(pixels(5));
        for (std::size_t i = 0; i < here.size(); ++i) {
            CHECK(here[i].embedding == there[i].embedding);
            CHECK(here[i].probabilities == there[i].probabilities);
        }
        daf_cnn::Judgement judgement, wanted;
        network->judge(pixels(4), labels, judgement);
        learner->judge(pixels(4), labels, wanted);
        CHECK(judgement.softmax_sum == wanted.softmax_sum);
        CHECK(judgement.tc_sum == wanted.tc_sum);
    }
}

TEST_CASE("a network takes no more at once than it says, and is refused for one byte less") {
    for (const Precision precision : {Precision::single, Precision::bf16}) {
        for (const Index last : {Index{0}, Index{3}, Index{1}}) {
            INFO("precision ", static_cast<int>(precision), ", last batch ", last);
            daf_cnn::NetworkSettings chosen = settings(precision);
            chosen.last_judged = last;
            std::size_t said = 0;
            const auto use = [&](FaceNetwork& network) {
                said = static_cast<std::size_t>(network.bytes());
                daf_cnn::Judgement judgement;
                network.judge(pixels(1), labels, judgement);
                if (last > 0) {
                    const auto count = static_cast<std::size_t>(last);
                    const std::vector<float> all = pixels(4);
                    network.judge(std::span(all).first(count * Small::side * Small::side),
                                  std::span(labels).first(count), judgement);
                }
                network.read(pixels(2));
                network.first_not_finite_judging(pixels(3));
            };
            const auto learn = [&] {
                const auto learner = learner_on_gpu(chosen);
                learner->step(pixels(0), labels);
                use(*learner);
            };
            const auto judge = [&] { use(*network_on_gpu(chosen)); };
            const auto check = [&](const auto& work) {
                const auto taken = daf_test::most_taken(work);
                CHECK(said >= taken);
                CHECK(said < taken + daf::alignment);
                CHECK(refusal(said - 1, work)
                          .starts_with("CUDA: the network daf-cnn small attention=full for "));
                CHECK(refusal(said, work).empty());
            };
            check(learn);
            check(judge);
        }
    }
}

TEST_CASE("judging allocates nothing on the device, and refuses a batch that it has no room for") {
    const auto network = network_in(Precision::single);
    daf_cnn::Judgement judgement;
    network->judge(pixels(1), labels, judgement);
    const auto allocated = daf_test::runtime_figures().allocations;
    const auto taken = daf_test::most_taken([&] { network->judge(pixels(2), labels, judgement); });
    CHECK(taken == 0);
    CHECK(daf_test::runtime_figures().allocations == allocated);
    const std::vector<float> more(pixels(1).size() * 2);
    CHECK(daf_test::message_of<daf::ArgumentError>([&] { network->read(more); }) ==
          "batch: more images than the network was made for");
}

TEST_CASE("a bench is refused for one byte less than it takes") {
    using daf_cnn::BenchMode;
    for (const Precision precision : {Precision::single, Precision::bf16}) {
        for (const BenchMode mode :
             {BenchMode::train, BenchMode::infer, BenchMode::attention, BenchMode::tc, BenchMode::tc_1000}) {
            INFO("precision ", static_cast<int>(precision), ", mode ", static_cast<int>(mode));
            const auto run = [precision, mode] {
                const auto iteration = daf_cnn::make_gpu_bench<Small>(precision, mode, images);
                iteration();
                iteration();
            };
            const auto taken = daf_test::most_taken(run);
            CHECK(refusal(taken - 1, run).find(" small in batches of 4 needs ") != std::string::npos);
            CHECK(refusal(taken, run).empty());
        }
    }
}

TEST_CASE("an Inference keeps as many bytes as it says") {
    using Net = daf_cnn::NetworkOf<Small, Attention::full>;
    daf::Gpu gpu;
    const std::vector<float> parameters(static_cast<std::size_t>(daf::parameter_count<Net>));
    const auto check = [&]<class T>(T) {
        using Inference = daf::Inference<Net, daf::Gpu, T>;
        const auto free = daf_test::free_memory();
        const Inference inference(gpu, std::span(parameters));
        CHECK(static_cast<Index>(free - daf_test::free_memory()) == Inference::bytes(gpu));
    };
    check(0.0F);
    check(daf::bf16{});
}

TEST_CASE("what bench times runs on Gpu at each precision, in bf16 with less memory") {
    using daf_cnn::BenchMode;
    for (const BenchMode mode :
         {BenchMode::train, BenchMode::infer, BenchMode::attention, BenchMode::tc, BenchMode::tc_1000}) {
        const auto bytes_taken = [&](Precision precision) {
            const auto launches = daf_test::runtime_figures().launches;
            const auto free = daf_test::free_memory();
            const auto iteration = daf_cnn::make_gpu_bench<Small>(precision, mode, images);
            iteration();
            iteration();
            CHECK(daf_test::runtime_figures().launches > launches);
            return free - daf_test::free_memory();
        };
        INFO("mode ", static_cast<int>(mode));
        const auto wide = bytes_taken(Precision::single);
        CHECK(bytes_taken(Precision::tf32) > 0);
        CHECK(bytes_taken(Precision::bf16) < wide);
    }
}
