// The host's side of the GPU backend, from upload to download, on the stand-in for the CUDA runtime.
#include <doctest/doctest.h>

#include <cmath>
#include <daf/daf.cuh>
#include <daf/net/inference.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/flatten.hpp>
#include <daf/reference/optimizer.hpp>
#include <daf/reference/reduction.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>
#include <daf/reference/triplet_centre_loss.hpp>
#include <vector>

#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_runtime.hpp"
#include "numbers.hpp"

using daf::Index;
using daf::Shape;
using daf_test::difference;
using daf_test::numbers;
using daf_test::runtime_figures;

namespace {

/// What a user writes once for every backend: memory of a context, filled from the host and brought back.
template <class Backend, class S>
struct Buffer {
    using Space = typename Backend::Space;
    Backend& ctx;
    typename Backend::Memory memory;
    Index count;

    Buffer(Backend& context, Index images)
        : ctx(context), memory(context.allocate(images * S::size * Index{sizeof(float)})), count(images) {
        ctx.zero(memory.template as<float>(), images * S::size);
    }
    daf::Batch<S, float, Space> batch() const { return {memory.template as<float>(), count}; }
    daf::Slab<float, Space> slab() const { return {memory.template as<float>(), S::size}; }
    std::vector<float> values() const {
        const auto on_host = ctx.download(batch());
        return {on_host.data(), on_host.data() + on_host.size()};
    }
};

constexpr Index images = 5;
using Map = Shape<3, 4, 16>;
using Attention = daf::DualAttention<Map, 4, 3>;
using Embedding = Shape<Map::size>;

/// A training step of attention, ReLU, dropout, a metric loss and Adam; returns what it leaves.
template <class Backend>
std::vector<std::vector<float>> training_step(Backend& ctx) {
    using Space = typename Backend::Space;
    using Loss = daf::TripletCentreLoss<Map, 3>;
    constexpr Index weights = daf::parameter_count<Attention>, centres = daf::parameter_count<Loss>;
    const std::vector<float> maps = numbers(images * Map::size, 1), start = numbers(weights, 2),
                             first_centres = numbers(centres, 3);
    const std::vector<std::int32_t> classes{0, 2, 1, 1, 0};
    const std::uint32_t step = 4;
    const daf::Draw draw{daf::Seed{5}, &step, 1, 100};

    const auto x = ctx.upload(daf::batch_of<Map>(maps));
    const auto labels = ctx.upload(daf::labels_of(classes));
    const auto slab = ctx.upload(daf::batch_of<Shape<weights>>(start));
    Buffer<Backend, Shape<weights>> parameters(ctx, 1), gradients(ctx, 1), first(ctx, 1), second(ctx, 1);
    daf::forward<daf::train>(ctx, daf::Flatten<Shape<weights>>{}, slab,
                             parameters.batch());  // a copy to train
    const auto params = daf::bind<Attention>(parameters.slab());
    const auto dparams = daf::bind_gradients<Attention>(gradients.slab());
    Buffer<Backend, Map> y(ctx, images), kept(ctx, images), e(ctx, images), de(ctx, images),
        dkept(ctx, images), dy(ctx, images), dx(ctx, images);
    const auto memory = ctx.allocate(daf::saved_bytes<Attention, float>(images));
    const auto saved = daf::bind_saved<Attention, float, Space>(memory.data(), images);

    daf::forward<daf::train>(ctx, Attention{}, x, y.batch(), params, saved);
    daf::forward<daf::train>(ctx, daf::Relu<Map>{}, y.batch(), kept.batch());
    daf::forward<daf::train>(ctx, daf::Dropout<Map>{0.3}, kept.batch(), e.batch(), {}, {}, draw);

    Buffer<Backend, Shape<1>> losses(ctx, images), dlosses(ctx, images);
    Buffer<Backend, Shape<centres>> centre_slab(ctx, 1);
    daf::forward<daf::train>(ctx, daf::Flatten<Shape<centres>>{},
                             ctx.upload(daf::batch_of<Shape<centres>>(first_centres)), centre_slab.batch());
    Buffer<Backend, Shape<daf::gradient_count<Loss>>> sums(ctx, 1);
    const auto centre_params = daf::bind<Loss>(centre_slab.slab());
    const auto centre_sums = daf::bind_gradients<Loss>(sums.slab());
    const auto loss_memory = ctx.allocate(daf::saved_bytes<Loss, float>(images));
    const auto loss_saved = daf::bind_saved<Loss, float, Space>(loss_memory.data(), images);
    daf::forward<daf::train>(ctx, Loss{}, e.batch(), losses.batch(), centre_params, loss_saved, labels);
    daf::fill_weights(ctx, daf::Reduction::mean, dlosses.batch());
    daf::backward(ctx, Loss{}, e.batch(), losses.batch(), dlosses.batch(), daf::overwrite(de.batch()),
                  centre_params, centre_sums, loss_saved, labels);

    daf::backward(ctx, daf::Dropout<Map>{0.3}, kept.batch(), e.batch(), de.batch(),
                  daf::overwrite(dkept.batch()), {}, {}, {}, draw);
    daf::backward(ctx, daf::Relu<Map>{}, y.batch(), kept.batch(), dkept.batch(), daf::overwrite(dy.batch()));
    daf::backward(ctx, Attention{}, x, y.batch(), dy.batch(), daf::overwrite(dx.batch()), params, dparams,
                  saved);
    daf::update(
        ctx, daf::Adam{},
        daf::UpdateCall<float>{parameters.batch().data(), gradients.batch().data(), first.batch().data(),
                               second.batch().data(), daf::parameter_segments<Attention>.decayed,
                               daf::parameter_segments<Attention>.undecayed, 1});
    daf::update_centres(ctx, Loss{}, centre_params, centre_sums, 0.5);
    return {losses.values(),    e.values(),          dx.values(),
            gradients.values(), parameters.values(), centre_slab.values()};
}

}  // namespace

TEST_CASE("the same code on Reference and on Gpu gives the same training step, and leaves nothing behind") {
    daf::Reference reference;
    const auto want = training_step(reference);
    {
        daf::Gpu gpu;
        const auto got = training_step(gpu);
        for (std::size_t i = 0; i < want.size(); ++i) {
            INFO("result ", i);
            CHECK(difference(got[i], want[i]) < 2e-5);
        }
        CHECK(runtime_figures().launches > 10);
        CHECK(training_step(gpu) == got);  // to the last bit
    }
    CHECK(runtime_figures().allocations == 0);
    CHECK(runtime_figures().streams == 0);
}

TEST_CASE("a Model on a Gpu starts from the same parameters, gives the same maps and moves the same way") {
    using Net = daf::Sequence<Map, daf::layer::DualAttention<4, 3>, daf::layer::Relu>;
    const std::vector<float> maps = numbers(images * Map::size, 1), slopes = numbers(images * Map::size, 2);
    const auto run = [&](auto& ctx) {
        using Backend = std::remove_reference_t<decltype(ctx)>;
        daf::Model<Net, Backend> model(ctx, daf::max_batch(images), daf::Seed{7});
        const auto x = ctx.upload(daf::batch_of<Map>(maps));
        const auto dy = ctx.upload(daf::batch_of<Map>(slopes));
        const auto y = ctx.download(model.forward(x));
        model.forward_train(x);
        model.backward(x, dy);
        constexpr Index size = daf::parameter_count<Net>;
        const auto values_of = [&](const auto& slab) {
            const daf::Batch<Shape<size>, float, typename Backend::Space> batch(slab.data(), 1);
            const auto on_host = ctx.download(batch);
            return std::vector<float>(on_host.data(), on_host.data() + size);
        };
        const auto gradients = values_of(model.gradients());
        const daf::Inference<Net, Backend> snapshot(ctx, model.parameters());
        auto workspace = snapshot.workspace(ctx, daf::max_batch(images));
        const auto again = ctx.download(snapshot(ctx, workspace, x));
        CHECK(std::vector<float>(again.data(), again.data() + again.size()) ==
              std::vector<float>(y.data(), y.data() + y.size()));
        const auto before = values_of(model.parameters());
        daf::Descent descent(model, daf::Sgd{.learning_rate = 0.1});
        descent.step();
        CHECK(values_of(model.parameters()) != before);
        // Through a file into another one.
        const daf_test::ScratchFolder folder;
        const auto file = folder / "a.safetensors";
        daf::save_checkpoint(file, descent, {"net"});
        daf::Model<Net, Backend> other(ctx, daf::max_batch(images), daf::Seed{7});
        daf::Descent restored(other, daf::Sgd{});
        other.forward_train(x);
        other.backward(x, dy);
        daf::load_checkpoint(file, restored, "net");
        CHECK(values_of(other.parameters()) == values_of(model.parameters()));
        CHECK(values_of(restored.moment(0)) == values_of(descent.moment(0)));
        CHECK(values_of(other.gradients()) == std::vector<float>(size));
        std::vector<float> all(y.data(), y.data() + y.size());
        for (const auto& more : {gradients, values_of(model.parameters()), values_of(model.gradients())})
            all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    daf::Reference reference;
    daf::Gpu gpu;
    CHECK(difference(run(gpu), run(reference)) < 2e-5);
}

TEST_CASE("upload copies, download brings back, and copies of the batch share its memory") {
    daf::Gpu gpu;
    std::vector<float> values = numbers(2 * Map::size, 7);
    const std::vector<float> before = values;
    auto x = gpu.upload(daf::batch_of<Map>(values));
    values.assign(values.size(), 0);
    const auto copy = x;
    x = gpu.upload(daf::batch_of<Map>(values));
    const auto back = gpu.download(copy);
    CHECK(std::vector<float>(back.data(), back.data() + back.size()) == before);
    CHECK(runtime_figures().allocations == 2);
}

TEST_CASE("a launch returns before its kernel has run; wait returns after") {
    daf::Gpu gpu;
    std::vector<float> ones(Map::size, 1.0f);
    const auto x = gpu.upload(daf::batch_of<Map>(ones));
    const auto y = gpu.upload(daf::batch_of<Map>(ones));
    const auto waits = runtime_figures().waits;
    daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, x, y);
    CHECK(runtime_figures().waits == waits);
    gpu.wait();
    CHECK(runtime_figures().waits == waits + 1);
}

TEST_CASE("scratch is allocated once, and grows only between operators") {
    daf::Gpu gpu;
    const auto pass = [&] { training_step(gpu); };
    pass();
    const auto kept = runtime_figures().allocations;
    pass();
    CHECK(runtime_figures().allocations == kept);
    CHECK(kept == 1);
}

namespace {

/// A step's figures of a metric loss: losses, gradients by e, sums and gradients of the centres, the centres
/// once moved.
template <class Loss>
std::array<std::vector<float>, 4> metric_step(const std::vector<std::int32_t>& classes) {
    daf::Gpu gpu;
    const auto count = static_cast<Index>(classes.size());
    const std::vector<float> embeddings = numbers(3 * count, 1), start = numbers(9, 2);
    const auto x = gpu.upload(daf::batch_of<Shape<3>>(embeddings));
    const auto labels = gpu.upload(daf::labels_of(classes));
    Buffer<daf::Gpu, Shape<9>> centres(gpu, 1);
    gpu.copy_in(centres.batch().data(), start.data(), 9);
    Buffer<daf::Gpu, Shape<daf::gradient_count<Loss>>> sums(gpu, 1);
    Buffer<daf::Gpu, Shape<1>> y(gpu, count), dy(gpu, count);
    Buffer<daf::Gpu, Shape<3>> de(gpu, count);
    const auto memory = gpu.allocate(daf::saved_bytes<Loss, float>(count));
    const auto saved = daf::bind_saved<Loss, float, daf::Device>(memory.data(), count);
    const auto params = daf::bind<Loss>(centres.slab());
    const auto dparams = daf::bind_gradients<Loss>(sums.slab());
    daf::forward<daf::train>(gpu, Loss{}, x, y.batch(), params, saved, labels);
    daf::fill_weights(gpu, daf::Reduction::sum, dy.batch());
    daf::backward(gpu, Loss{}, x, y.batch(), dy.batch(), daf::overwrite(de.batch()), params, dparams, saved,
                  labels);
    daf::update_centres(gpu, Loss{}, params, dparams, 0.5);
    return {y.values(), de.values(), sums.values(), centres.values()};
}

/// Of three samples two have labels that are no classes: all but the losses is as if they were not there.
template <class Loss>
void check_no_classes() {
    const auto [y, de, sums, centres] = metric_step<Loss>({1, 3, -1});
    const auto alone = metric_step<Loss>({1});
    CHECK(std::isfinite(y[0]));
    CHECK(std::isnan(y[1]));
    CHECK(std::isnan(y[2]));
    std::vector<float> want = alone[1];
    want.resize(9, 0.0f);
    CHECK(de == want);
    CHECK(sums == alone[2]);
    CHECK(centres == alone[3]);
}

}  // namespace

TEST_CASE("labels that are no classes give NaN losses and no gradient, and touch nothing else") {
    check_no_classes<daf::TripletCentreLoss<Shape<3>, 3>>();
    check_no_classes<daf::CentreLoss<Shape<3>, 3>>();
    check_no_classes<daf::IslandLoss<Shape<3>, 3>>();

    daf::Gpu gpu;
    const std::vector<float> logits = numbers(9, 1);
    const std::vector<std::int32_t> classes{1, 3, -1};
    Buffer<daf::Gpu, Shape<1>> y(gpu, 3);
    daf::forward<daf::eval>(gpu, daf::SoftmaxCrossEntropy<Shape<3>>{},
                            gpu.upload(daf::batch_of<Shape<3>>(logits)), y.batch(), {}, {},
                            gpu.upload(daf::labels_of(classes)));
    CHECK(std::isfinite(y.values()[0]));
    CHECK(std::isnan(y.values()[1]));
    CHECK(std::isnan(y.values()[2]));
}

TEST_CASE("what CUDA refuses is a CudaError that names the call and the reason") {
    const auto message = [](auto&& call) { return daf_test::message_of<daf::CudaError>(call); };
    CHECK(message([] { daf::Gpu gpu(daf::DeviceNumber{7}); }) ==
          "CUDA: there is no device 7: expected 0 to 0");
    daf::Gpu gpu;
    CHECK(message([&] { auto memory = gpu.allocate(Index{1} << 40); }) ==
          "CUDA: cudaMalloc of 1099511627776 bytes: out of memory");
    CHECK_THROWS_AS(gpu.allocate(-1), daf::ArgumentError);
    float on_host = 0;
    CHECK(message([&] { gpu.zero(&on_host, 1); }) == "CUDA: cudaMemsetAsync: invalid argument");
    CHECK(gpu.allocate(0).data() == nullptr);
    gpu.zero(static_cast<float*>(nullptr), 0);
}

TEST_CASE("the most workspace is what it is set to, the default's own figure among others") {
    constexpr Index gigabyte = Index{1} << 30;
    daf::Gpu gpu;
    CHECK(gpu.cudnn().most_workspace == gigabyte / 4);  // a sixteenth of the stand-in's 4 GiB
    for (const Index most : {4 * gigabyte, 4 * gigabyte - 1, 5 * gigabyte, Index{0}}) {
        gpu.set_cudnn({.most_workspace = most});
        CHECK(gpu.cudnn().most_workspace == most);
    }
    gpu.set_cudnn({.tf32 = true});
    CHECK(gpu.cudnn().most_workspace == gigabyte / 4);
}

TEST_CASE("why a GPU cannot be used is said in words: driver, device, code, memory") {
    using daf_test::machine;
    const daf_test::StandInMachine whole = machine();
    const auto says = [&](const daf_test::StandInMachine& one) {
        machine() = one;
        const auto text = daf_test::message_of<daf::CudaError>([] { daf::Gpu gpu; });
        machine() = whole;
        return text;
    };
    auto one = whole;
    one.driver = 0;
    CHECK(says(one) ==
          "CUDA: no driver for NVIDIA's GPUs is installed, and this program needs one for CUDA 13.0 or "
          "later: install it from nvidia.com/drivers");
    one.driver = 12080;
    CHECK(says(one) ==
          "CUDA: the driver knows CUDA 12.8 at the most, and this program needs one for CUDA 13.0 or later: "
          "install it from nvidia.com/drivers");
    one = whole;
    one.devices = 0;
    CHECK(says(one) ==
          "CUDA: the driver finds no GPU in this machine: see what nvidia-smi lists, and that "
          "CUDA_VISIBLE_DEVICES does not hide it");
    one = whole;
    one.capability = 75;
    CHECK(says(one) ==
          "CUDA: device 0 is a stand-in GPU (compute capability 7.5), but this program was built for 8.0: "
          "build it with CMAKE_CUDA_ARCHITECTURES set to the device's");
    one = whole;
    for (const cudaError_t code : {cudaErrorUnsupportedPtxVersion, cudaErrorInvalidPtx}) {
        one.code = code;
        CHECK(says(one) ==
              "CUDA: device 0 is a stand-in GPU (compute capability 8.0), whose driver is older than the "
              "toolkit that this program was built with and cannot compile its PTX: update the driver, or "
              "build with CMAKE_CUDA_ARCHITECTURES set to the device's");
    }

    daf::Gpu gpu;
    CHECK(gpu.name() == "stand-in GPU (compute capability 8.0)");
    machine().memory = 10'000'000;
    const auto taken = gpu.allocate(6'000'000);
    gpu.require_free(4'000'000, "a network");
    CHECK(
        daf_test::message_of<daf::CudaError>([&] { gpu.require_free(4'000'001, "training lite"); }) ==
        "CUDA: training lite needs 5 MB of the GPU's memory, but 4 MB of its 10 MB are free: take a smaller "
        "batch or network, or end what else runs there");
    machine() = whole;
}

// The last test: as on a GPU, nothing works after it.
TEST_CASE("a kernel's fault shows when somebody waits, and at every call from then on") {
    daf::Gpu gpu;
    std::vector<float> ones(Map::size, 1.0f);
    const auto x = gpu.upload(daf::batch_of<Map>(ones));
    const auto y = gpu.upload(daf::batch_of<Map>(ones));
    daf_test::break_next_launch();
    daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, x, y);
    const auto message = [](auto&& call) { return daf_test::message_of<daf::CudaError>(call); };
    CHECK(message([&] { gpu.wait(); }) ==
          "CUDA: cudaStreamSynchronize: an illegal memory access was encountered");
    CHECK(message([&] { gpu.download(y); }) ==
          "CUDA: cudaMemcpyAsync: an illegal memory access was encountered");
}
