// Networks, their inference, and layers of a preset's size on a device.
#include <daf/daf.cuh>
#include <daf/net/evaluator.hpp>
#include <daf/net/inference.hpp>
#include <daf/net/model.hpp>
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

#include "../support/product_promise.hpp"
#include "conform_on_device.hpp"
#include "networks.hpp"
#include "training.hpp"

using daf::bf16;
using daf::Index;
using daf::Shape;
using daf::Wide;
using daf_test::relative_difference;
using daf_test::Result;
using daf_test::WideNetwork;
namespace layer = daf::layer;

namespace {

constexpr double bf16_step = 0x1p-8;

/// Small whole numbers: products of them and their sums are exact in every type.
template <class T>
std::vector<T> whole_numbers(Index count, std::uint64_t seed) {
    std::vector<T> values(static_cast<std::size_t>(count));
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    for (T& v : values) v = static_cast<T>(random.below(5) - 2.0);
    return values;
}

std::vector<double> widened(const auto& batch) {
    return {batch.data(), batch.data() + batch.size()};
}

/// What a training pass of a network leaves that is given whole numbers.
template <class Net, class T, class Backend>
Result pass_of(Backend& ctx, Index images) {
    using Number = Wide<T>;
    daf::Model<Net, Backend, T> model(ctx, daf::max_batch(images), daf::Seed{1});
    constexpr Index trained = daf::parameter_segments<Net>.trained();
    const auto parameters = whole_numbers<Number>(trained, 3);
    ctx.copy_in(model.parameters().data(), parameters.data(), trained);
    const auto maps = whole_numbers<T>(images * Net::Input::size, 1),
               slopes = whole_numbers<T>(images * Net::Output::size, 2);
    const auto x = ctx.upload(daf::batch_of<typename Net::Input>(maps));
    const auto dy = ctx.upload(daf::batch_of<typename Net::Output>(slopes));
    std::vector<T> into(maps.size());
    auto dx = ctx.upload(daf::batch_of<typename Net::Input>(into));
    const auto on_host = [&](auto slab) {
        return widened(ctx.download(daf::Batch<Shape<1>, const Number, typename Backend::Space>(
            slab.data(), static_cast<Index>(slab.size()))));
    };
    Result result;
    result.y = widened(ctx.download(model.forward_train(x)));
    model.backward(x, dy, daf::overwrite(dx));
    result.dx = widened(ctx.download(dx));
    result.gradients = on_host(model.gradients());
    result.state = on_host(model.parameters());
    return result;
}

/// The gradients of gamma and beta, which no product rounds.
template <class Net>
std::vector<double> undecayed(const Result& result) {
    return {result.gradients.begin() + daf::gradient_segments<Net>.decayed, result.gradients.end()};
}

template <class Net, class T>
void check_pooled() {
    static_assert(daf::output_can_be_deferred<typename Net::template Operator<0>, daf::Gpu, T> &&
                  daf::gradient_can_be_deferred<typename Net::template Operator<1>, daf::Gpu, T>);
    constexpr Index images = 3;
    daf::Reference reference;
    const Result want = pass_of<Net, double>(reference, images);
    std::vector<Result> got;
    for (int run = 1; run <= 3; ++run) {
        daf::Gpu gpu;
        got.push_back(pass_of<Net, T>(gpu, images));
    }
    const double exact = std::is_same_v<T, double> ? 1e-12 : 2e-5;
    daf_test::Tolerances tolerance(exact);
    if constexpr (std::is_same_v<T, bf16>) {
        tolerance.y = bf16_step;
        tolerance.dx = 2 * bf16_step;
        tolerance.gradients = bf16_step;
    }
    daf_test::check_close(got[0], want, tolerance);
    CHECK(relative_difference(undecayed<Net>(got[0]), undecayed<Net>(want)) <= exact);
    daf_test::check_same_bits(got, "run", {1, 2, 3});
}

}  // namespace

TEST_CASE_TEMPLATE("a map that a pool makes as it reads it, and its gradient, are Reference's on a device", T,
                   float, double, bf16) {
    // 16 bytes at a time in every type, and a row and a column that no window covers; behind a first layer,
    // whose kernels are ours; one element at a time.
    check_pooled<daf::Sequence<Shape<7, 9, 8>, layer::ConvBnRelu<16>, layer::MaxPool<2>>, T>();
    check_pooled<daf::Sequence<Shape<6, 6, 1>, layer::ConvBnRelu<8>, layer::MaxPool<2>>, T>();
    check_pooled<daf::Sequence<Shape<7, 9, 3>, layer::ConvBnRelu<5>, layer::MaxPool<2>>, T>();
}

namespace {

/// Embeddings and logits, one after another.
template <class Backend>
std::vector<double> values_of(Backend& ctx, const auto& outputs) {
    std::vector<double> values = widened(ctx.download(outputs.embeddings));
    const auto logits = widened(ctx.download(outputs.logits));
    values.insert(values.end(), logits.begin(), logits.end());
    return values;
}

/// Parameters after some steps: their running figures have moved.
std::vector<float> learnt() {
    daf::Reference reference;
    daf::Learner<WideNetwork, daf::Reference> learner(reference, daf::max_batch(16), daf::Seed{5},
                                                      WideNetwork{}, {}, daf_test::by_adam);
    for (std::uint64_t step = 1; step <= 5; ++step) {
        const daf_test::TinyData<float> data(16, step);
        learner.step(data.images(), data.classes());
    }
    return {learner.parameters().begin(), learner.parameters().end()};
}

/// What Reference says in double of images that T holds.
template <class T>
std::vector<double> evaluated(const std::vector<float>& parameters, const daf_test::TinyData<T>& data) {
    daf::Reference reference;
    const auto count = static_cast<Index>(data.labels.size());
    daf::Evaluator<WideNetwork, daf::Reference, double> evaluator(reference, daf::max_batch(count));
    std::ranges::copy(parameters, evaluator.parameters().begin());
    const std::vector<double> pixels(data.pixels.begin(), data.pixels.end());
    return values_of(reference, evaluator.evaluate(daf::batch_of<WideNetwork::Input>(pixels)));
}

}  // namespace

TEST_CASE_TEMPLATE(
    "inference and evaluation on a device give what Reference gives, for one image and for more", T, float,
    bf16) {
    // In bf16 maps and folded weights are rounded in every layer: on the stand-ins that comes to 0.004 of
    // the largest value.
    const double tolerance = std::is_same_v<T, float> ? 2e-5 : 0.012;
    const std::vector<float> parameters = learnt();
    daf::Gpu gpu, other;
    const daf::Inference<WideNetwork, daf::Gpu, T> inference(gpu, std::span(parameters));
    auto workspace = inference.workspace(gpu, daf::max_batch(16));
    auto others = inference.workspace(other, daf::max_batch(16));
    daf::Evaluator<WideNetwork, daf::Gpu, T> evaluator(gpu, daf::max_batch(16));
    gpu.copy_in(evaluator.parameters().data(), parameters.data(), static_cast<Index>(parameters.size()));
    for (const Index count : {1, 3, 16}) {
        INFO(count, " images");
        const daf_test::TinyData<T> data(count, 9);
        const std::vector<double> want = evaluated(parameters, data);
        const auto x = gpu.upload(data.images());
        const auto got = values_of(gpu, inference(gpu, workspace, x));
        CHECK(relative_difference(got, want) <= tolerance);
        CHECK(relative_difference(values_of(gpu, evaluator.evaluate(x)), want) <= tolerance);
        CHECK(values_of(gpu, inference(gpu, workspace, x)) == got);
        CHECK(values_of(other, inference(other, others, x)) == got);
    }
}

namespace {

/// A layer's passes against daf::Cpu, on whole numbers: else a ReLU would let through here what it does not
/// there.
template <class Op>
void check_layer(Index images) {
    const Op op{};
    const daf_test::MakeBench want = daf_test::on_cpu<Op>();
    daf::Gpu gpu, rounding;
    rounding.set_cudnn({.tf32 = true});
    const auto in_float = daf_test::subject<float, daf::Gpu>(op),
               in_bf16 = daf_test::subject<bf16, daf::Gpu>(op);
    daf_test::check_against_reference(in_float.on(gpu), want, images, 1, 2e-5, true);
    daf_test::check_against_reference(in_float.on(rounding), want, images, 1, 0x1p-9, true);
    const auto promise = daf_test::of_products_before_relu({});
    daf_test::Tolerances tolerance(promise.bf16_steps * bf16_step);
    tolerance.gradients = promise.bf16_gradient_steps * bf16_step;
    daf_test::check_against_reference(in_bf16.on(gpu), want, images, 1, tolerance, true);
    daf_test::check_runs(in_bf16, images);
}

}  // namespace

TEST_CASE("a layer of the preset lite on a device is the CPU's, forward and backward") {
    check_layer<daf_test::SmallLayer>(2);
}

// By plain loops they would take minutes: on the stand-ins they are left out, and counted as skipped.
TEST_CASE("layers of the preset paper on a device are the CPU's, forward and backward" *
          doctest::skip(daf_test::on_stand_ins())) {
    check_layer<daf_test::LargeLayer>(2);
    check_layer<daf_test::DeepLayer>(3);
}
