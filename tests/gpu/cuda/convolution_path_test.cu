// Networks with convolutions on Gpu, from the operators to cuDNN, on the stand-ins for the CUDA runtime and
// for the execution of cuDNN's plans.
#include <array>
#include <cmath>
#include <daf/daf.cuh>
#include <daf/net/inference.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/linear.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/relu.hpp>

#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_cudnn.hpp"
#include "../support/stand_in_runtime.hpp"
#include "numbers.hpp"

using daf::Index;
using daf::Shape;
using daf_test::cudnn_figures;
using daf_test::difference;
using daf_test::runtime_figures;
using daf_test::short_numbers;

namespace {

/// A vector of floats in a context's memory, and back.
template <class Backend>
std::vector<float> values_of(Backend& ctx, daf::Slab<const float, typename Backend::Space> slab) {
    const daf::Batch<Shape<1>, const float, typename Backend::Space> batch(slab.data(),
                                                                           static_cast<Index>(slab.size()));
    const auto on_host = ctx.download(batch);
    return {on_host.data(), on_host.data() + on_host.size()};
}

struct Passes {
    std::vector<float> evaluated, trained, gradients, parameters, inferred;
};

/// What a network's passes leave, from the same start on every backend.
template <class Net, class T, class Backend>
Passes passes_of(Backend& ctx, Index images) {
    daf::Model<Net, Backend, T> model(ctx, daf::max_batch(images), daf::Seed{7});
    const std::vector<T> maps = short_numbers<T>(images * Net::Input::size, 1),
                         slopes = short_numbers<T>(images * Net::Output::size, 2);
    const auto x = ctx.upload(daf::batch_of<typename Net::Input>(maps));
    const auto dy = ctx.upload(daf::batch_of<typename Net::Output>(slopes));
    const auto all = [&](auto batch) {
        const auto on_host = ctx.download(batch);
        return std::vector<float>(on_host.data(), on_host.data() + on_host.size());
    };
    Passes passes;
    passes.trained = all(model.forward_train(x));
    model.backward(x, dy);
    passes.gradients = values_of(ctx, model.gradients());
    passes.parameters = values_of(ctx, model.parameters());
    passes.evaluated = all(model.forward(x));
    const daf::Inference<Net, Backend, T> snapshot(ctx, model.parameters());
    auto workspace = snapshot.workspace(ctx, daf::max_batch(images));
    passes.inferred = all(snapshot(ctx, workspace, x));
    return passes;
}

double largest(const std::vector<float>& values) {
    return difference(values, std::vector<float>(values.size(), 0.0f));
}

/// With activations of T on Gpu, of float on Reference.
template <class Net, class T = float>
void check_same_on_gpu(Index images, double tolerance) {
    daf::Reference reference;
    const Passes want = passes_of<Net, float>(reference, images);
    daf::Gpu gpu;
    const Passes got = passes_of<Net, T>(gpu, images);
    CHECK(difference(got.trained, want.trained) <= tolerance * largest(want.trained));
    CHECK(difference(got.gradients, want.gradients) <= tolerance * largest(want.gradients));
    CHECK(difference(got.parameters, want.parameters) <= tolerance * largest(want.parameters));
    CHECK(difference(got.evaluated, want.evaluated) <= tolerance * largest(want.evaluated));
    CHECK(difference(got.inferred, want.evaluated) <= tolerance * largest(want.evaluated));
}

/// A layer of every kind that is a product.
using Net =
    daf::Sequence<Shape<7, 9, 3>, daf::layer::Conv2d<6, 3, 2, daf::Bias::per_channel>, daf::layer::BatchNorm,
                  daf::layer::Relu, daf::layer::ConvBnRelu<5>, daf::layer::MaxPool<>,
                  daf::layer::ConvBnRelu<8, 1>, daf::layer::Linear<20>, daf::layer::Linear<4>>;

}  // namespace

TEST_CASE("a network of every layer that is a product gives the same on Gpu as on Reference") {
    check_same_on_gpu<Net>(5, 2e-5);
    CHECK(cudnn_figures().executions > 0);
    CHECK(runtime_figures().allocations == 0);
}

TEST_CASE("with activations in bf16 it gives nearly the same") {
    const auto before = cudnn_figures();
    check_same_on_gpu<Net, daf::bf16>(5, 0.05);
    CHECK(cudnn_figures().executions > before.executions);
    CHECK(cudnn_figures().with_statistics == before.with_statistics);  // only where it is asked for
    CHECK(runtime_figures().allocations == 0);
}

TEST_CASE("a NaN among a convolution's weights shows in what is evaluated, though cuDNN's ReLU hides it") {
    using Image = Shape<5, 4, 8>;
    using Net = daf::Sequence<Image, daf::layer::ConvBnRelu<16>, daf::layer::MaxPool<2>>;
    daf::Gpu gpu;
    const auto check = [&]<class T>(T) {
        daf::Model<Net, daf::Gpu, T> model(gpu, daf::max_batch(2), daf::Seed{7});
        const float nan = std::nanf("");
        gpu.copy_in(model.parameters().data(), &nan, 1);
        const std::vector<T> maps = short_numbers<T>(2 * Image::size, 1);
        const auto y = gpu.download(model.forward(gpu.upload(daf::batch_of<Image>(maps))));
        Index nans = 0;
        for (Index i = 0; i < y.size(); ++i) nans += std::isnan(static_cast<float>(y.data()[i]));
        CHECK(nans == y.size() / 16);  // of one feature
    };
    check(0.0F);
    check(daf::bf16{});
}

TEST_CASE(
    "statistics from a convolution's own sums are those that are added in double, but for float's last "
    "digits") {
    using Layers = daf::Sequence<Shape<7, 9, 3>, daf::layer::ConvBnRelu<5>, daf::layer::ConvBnRelu<8, 1>>;
    const auto with = [](bool fused) {
        daf::Gpu gpu;
        gpu.set_cudnn({.fused_statistics = fused});
        return passes_of<Layers, daf::bf16>(gpu, 4).parameters;  // the running figures among them
    };
    const auto before = cudnn_figures().with_statistics;
    const auto apart = with(false);
    CHECK(cudnn_figures().with_statistics == before);
    const auto fused = with(true);
    CHECK(cudnn_figures().with_statistics == before + 2);
    CHECK(difference(fused, apart) <= 2e-3);  // a step of bf16 between the layers here and there
}

TEST_CASE("where cuDNN has no statistics, that is found out once, and a kernel adds them up") {
    daf::Gpu gpu;
    const daf::gpu::ConvolutionTask task{"conv2d", daf::gpu::Pass::forward_statistics, {6, 6, 4, 8, 3, 1}, 3};
    CHECK_FALSE(gpu.fuses<daf::bf16>(task));
    gpu.set_cudnn({.fused_statistics = true});
    CHECK(gpu.fuses<daf::bf16>(task));
    CHECK_FALSE(gpu.fuses<float>(task));  // engines that do would round to TF32
    const auto plans = cudnn_figures().plans;
    CHECK_FALSE(gpu.fuses<float>(task));
    CHECK(gpu.fuses<daf::bf16>(task));
    CHECK(cudnn_figures().plans == plans);
    gpu.set_cudnn({.tf32 = true, .fused_statistics = true});
    CHECK(gpu.fuses<float>(task));
    const auto before = cudnn_figures().with_statistics;
    passes_of<daf::Sequence<Shape<5, 5, 2>, daf::layer::ConvBnRelu<3>>, float>(gpu, 2);
    CHECK(cudnn_figures().with_statistics == before);  // floats keep sums in double
}

TEST_CASE(
    "plans are made when scratch is asked for, once, and nothing is allocated on the device after that") {
    using Op = daf::ConvBnRelu<Shape<6, 6, 4>, 8>;
    constexpr Index images = 3;
    daf::Gpu gpu;
    const auto before = cudnn_figures().plans;
    gpu.reserve(daf::scratch_bytes<Op, float, daf::eval>(gpu, images));
    const auto plans = cudnn_figures().plans;
    CHECK(plans == before + 1);  // of training's passes none
    const auto memory = gpu.allocate(4 * images * (Op::Input::size + Op::Output::size));
    auto* x = memory.as<float>();
    gpu.zero(x, images * (Op::Input::size + Op::Output::size));
    const auto slab = gpu.allocate(4 * daf::parameter_count<Op>);
    gpu.zero(slab.as<float>(), daf::parameter_count<Op>);
    const auto params = daf::bind<Op>(
        daf::DeviceSlab<float>(slab.as<float>(), static_cast<std::size_t>(daf::parameter_count<Op>)));
    const auto allocations = runtime_figures().allocations;
    daf::forward<daf::eval>(gpu, Op{}, daf::Batch<Op::Input, float, daf::Device>(x, images),
                            daf::Batch<Op::Output, float, daf::Device>(x + images * Op::Input::size, images),
                            params);
    CHECK(cudnn_figures().plans == plans);
    CHECK(runtime_figures().allocations == allocations);
    gpu.wait();
}

TEST_CASE("a plan that lacked memory alone is asked for again, and no other engine takes its place") {
    daf::Gpu gpu;
    using daf::gpu::Pass;
    for (const Pass pass : {Pass::forward, Pass::data_gradient, Pass::weight_gradient}) {
        const daf::gpu::ConvolutionTask task{"conv2d", pass, {24, 24, 64, 64, 3, 1}, 32};
        const std::string name = daf::gpu::cudnn::described(task, CUDNN_DATA_FLOAT);
        INFO(name);
        const auto plan_in = [&](daf::gpu::cudnn::Convolutions& convolutions) {
            const auto& plan = convolutions.plan(task, CUDNN_DATA_FLOAT, gpu.cudnn());
            return std::pair(plan.engine.number, plan.workspace);
        };
        daf::gpu::cudnn::Convolutions undisturbed(gpu.stream()), disturbed(gpu.stream());
        const auto wanted = plan_in(undisturbed);
        daf_test::refuse_next_plan();
        const auto refusal = daf_test::message_of<daf::CudnnMemoryError>([&] { plan_in(disturbed); });
        CHECK(refusal.starts_with(name + ": cuDNN: execution plan: "
                                         "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"));
        CHECK(plan_in(disturbed) == wanted);
    }
}

namespace {

enum class Passing { train, eval, inference, backward };
using Names = std::initializer_list<const char*>;

/// Runs an operator's passes with one of their maps four bytes beside where it should lie: each is refused
/// under the name that it has there, and leaves everything as it was. in_use: of eval and of inference.
template <class Op>
void check_misplaced(Names in_training, Names in_use, Names in_backward) {
    constexpr Index images = 3;
    daf::Gpu gpu;
    const auto memory = [&](Index floats) {
        auto zeros = gpu.allocate((floats + 1) * Index{sizeof(float)});
        gpu.zero(zeros.template as<float>(), floats + 1);
        return zeros;
    };
    const auto xs = memory(images * Op::Input::size), dxs = memory(images * Op::Input::size),
               ys = memory(images * Op::Output::size), dys = memory(images * Op::Output::size),
               parameters = memory(daf::parameter_count<Op>), gradients = memory(daf::gradient_count<Op>),
               saved = memory(daf::saved_bytes<Op, float>(images));
    const auto slab = [](const daf::DeviceMemory& at, Index size) {
        return daf::DeviceSlab<float>(at.as<float>(), static_cast<std::size_t>(size));
    };
    const auto params = slab(parameters, daf::parameter_count<Op>),
               sums = slab(gradients, daf::gradient_count<Op>);
    const std::vector<float> ones(static_cast<std::size_t>(daf::parameter_count<Op>), 1.0f);
    gpu.copy_in(params.data(), ones.data(), daf::parameter_count<Op>);
    const auto bound = daf::bind<Op>(params);
    const daf::Prepared<Op, float, daf::Gpu> prepared(gpu, Op{},
                                                      daf::read_only<Op, float, daf::Device>(bound), images);
    const auto pass = [&](Passing way, const std::string& misplaced) {
        const auto at = [&](const char* name, const daf::DeviceMemory& map) {
            return map.as<float>() + (misplaced == name);
        };
        using In = daf::Batch<typename Op::Input, float, daf::Device>;
        using Out = daf::Batch<typename Op::Output, float, daf::Device>;
        const In x(at("x", xs), images), dx(at("dx", dxs), images);
        const Out y(at("y", ys), images), dy(at("dy", dys), images);
        const auto kept =
            daf::bind_saved<Op, float, daf::Device>(reinterpret_cast<std::byte*>(at("z", saved)), images);
        switch (way) {
            case Passing::train: return daf::forward<daf::train>(gpu, Op{}, x, y, bound, kept);
            case Passing::eval: return daf::forward<daf::eval>(gpu, Op{}, x, y, bound);
            case Passing::inference: return prepared.forward(gpu, x, y);
            case Passing::backward: break;
        }
        daf::backward(gpu, Op{}, x, y, dy, daf::overwrite(dx), bound, daf::bind_gradients<Op>(sums), kept);
    };
    for (const auto way : {Passing::train, Passing::eval, Passing::inference}) pass(way, "");
    const std::vector<float> slopes = daf_test::numbers(images * Op::Output::size, 1);
    gpu.copy_in(dys.template as<float>(), slopes.data(), static_cast<Index>(slopes.size()));
    const auto state = [&] {
        return std::array{values_of(gpu, params), values_of(gpu, sums),
                          values_of(gpu, slab(ys, images * Op::Output::size + 1))};
    };
    const auto before = state();
    const auto refuses = [&](Passing way, const std::string& name) {
        INFO("pass ", static_cast<int>(way), ", ", name);
        CHECK(daf_test::message_of<daf::ArgumentError>([&] { pass(way, name); }) ==
              std::string(Op::Header::name) + ": " + name +
                  " must lie at a multiple of 16 bytes: give it memory of its own");
        CHECK(state() == before);
    };
    for (const char* name : in_training) refuses(Passing::train, name);
    for (const char* name : in_use) {
        refuses(Passing::eval, name);
        refuses(Passing::inference, name);
    }
    for (const char* name : in_backward) refuses(Passing::backward, name);
    pass(Passing::backward, "");
    CHECK(state() != before);
}

}  // namespace

TEST_CASE("a map that is not aligned is refused under its own name, and nothing has changed") {
    check_misplaced<daf::Linear<Shape<8>, 20>>({"x", "y"}, {"x", "y"}, {"x", "dy", "dx"});
    check_misplaced<daf::Conv2d<Shape<4, 4, 8>, 4, 3, 1, daf::Bias::per_channel>>({"x", "y"}, {"x", "y"},
                                                                                  {"x", "dy", "dx"});
    check_misplaced<daf::Conv2d<Shape<4, 4, 1>, 4, 3, 1, daf::Bias::per_channel>>({}, {}, {"dy", "dx"});
    check_misplaced<daf::ConvBnRelu<Shape<4, 4, 8>, 4>>({"x", "z"}, {"x", "y"}, {"x", "dx"});
}
