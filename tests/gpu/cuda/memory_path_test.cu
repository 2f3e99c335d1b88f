// A GPU's memory while work is queued: when it is given back, and what happens where there is not enough. On
// the stand-ins for the CUDA runtime and for the execution of cuDNN's plans.
#include <daf/daf.cuh>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>
#include <optional>

#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_runtime.hpp"
#include "tiny_runs.hpp"

using daf::Index;
using daf::Shape;
using daf_test::numbers;
using daf_test::runtime_figures;

namespace {

using Map = Shape<3, 4, 16>;
constexpr Index images = 5;

std::vector<float> brought_back(const daf::Gpu& gpu, daf::Batch<Map, const float, daf::Device> y) {
    const auto on_host = gpu.download(y);
    return {on_host.data(), on_host.data() + on_host.size()};
}

}  // namespace

TEST_CASE("memory that goes while its work is queued is given back when that work has run") {
    daf::Gpu gpu;
    const std::vector<float> ones(images * Map::size, 1.0f);
    std::vector<float> zeros(ones.size());
    const auto y = gpu.upload(daf::batch_of<Map>(zeros));
    // What is read.
    daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, gpu.upload(daf::batch_of<Map>(ones)), y);
    CHECK(brought_back(gpu, y) == ones);
    // What is written.
    {
        const auto memory = gpu.allocate(y.size() * Index{sizeof(float)});
        daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, y,
                                daf::Batch<Map, float, daf::Device>(memory.as<float>(), images));
    }
    gpu.wait();
    CHECK(runtime_figures().allocations == 1);
}

TEST_CASE("scratch that grows while kernels that use it are queued lives until they have run") {
    using Op = daf::ChannelAttention<Map, 4>;
    const std::vector<float> maps = numbers(images * Map::size, 1), slopes = numbers(images * Map::size, 2),
                             start = numbers(daf::parameter_count<Op>, 3);
    const auto gradients = [&](bool grows) {
        daf::Gpu gpu;
        const auto x = gpu.upload(daf::batch_of<Map>(maps)), dy = gpu.upload(daf::batch_of<Map>(slopes));
        const auto allocate = [&](Index floats) { return gpu.allocate(floats * Index{sizeof(float)}); };
        const auto y = allocate(x.size()), parameters = allocate(daf::parameter_count<Op>),
                   sums = allocate(daf::gradient_count<Op>),
                   saved = gpu.allocate(daf::saved_bytes<Op, float>(images));
        const auto slab = [](const daf::DeviceMemory& memory, Index size) {
            return daf::DeviceSlab<float>(memory.as<float>(), static_cast<std::size_t>(size));
        };
        gpu.copy_in(parameters.as<float>(), start.data(), daf::parameter_count<Op>);
        gpu.zero(sums.as<float>(), daf::gradient_count<Op>);
        const auto params = daf::bind<Op>(slab(parameters, daf::parameter_count<Op>));
        const auto kept = daf::bind_saved<Op, float, daf::Device>(saved.data(), images);
        const daf::Batch<Map, float, daf::Device> out(y.as<float>(), images);
        daf::forward<daf::train>(gpu, Op{}, x, out, params, kept);
        daf::backward(gpu, Op{}, x, out, dy, daf::skip, params,
                      daf::bind_gradients<Op>(slab(sums, daf::gradient_count<Op>)), kept);
        REQUIRE(gpu.arena().capacity() > 0);
        const auto waits = runtime_figures().waits;
        if (grows) gpu.reserve(2 * gpu.arena().capacity());
        CHECK(runtime_figures().waits == waits + grows);
        std::vector<float> values(static_cast<std::size_t>(daf::gradient_count<Op>));
        gpu.copy_out(values.data(), sums.as<const float>(), daf::gradient_count<Op>);
        return values;
    };
    CHECK(gradients(true) == gradients(false));
}

TEST_CASE("a context, a model and a learner that go while their work is queued leave nothing amiss") {
    using Net = daf::Sequence<Map, daf::layer::DualAttention<4, 3>, daf::layer::Relu>;
    const std::vector<float> maps = numbers(images * Map::size, 1);
    const daf_test::TinyData<float> data(daf_test::most_images);
    {
        daf::Gpu gpu;
        const auto x = gpu.upload(daf::batch_of<Map>(maps));
        std::optional<daf::Model<Net, daf::Gpu>> model(std::in_place, gpu, daf::max_batch(images),
                                                       daf::Seed{7});
        model->forward_train(x);
        model->backward(x, x);
        model.reset();
        auto learner = daf_test::tiny_learner(gpu);
        learner.queue_step(data.images(), data.classes());
        learner.queue_step(data.images(), data.classes());
    }
    {
        std::optional<daf::Gpu> gpu(std::in_place);
        const auto x = gpu->upload(daf::batch_of<Map>(maps));
        const auto memory = gpu->allocate(x.size() * Index{sizeof(float)});
        daf::forward<daf::eval>(*gpu, daf::Relu<Map>{}, x,
                                daf::Batch<Map, float, daf::Device>(memory.as<float>(), images));
        gpu.reset();  // the memory that it gave goes later
    }
    daf::Gpu other;
    other.wait();
    CHECK(runtime_figures().allocations == 0);
    CHECK(runtime_figures().streams == 1);
}

TEST_CASE("a step that there is no memory for changes nothing, however little is missing") {
    const auto small = daf_test::TinyData<float>(2), large = daf_test::TinyData<float>(daf_test::most_images);
    const auto step = [](auto& learner, const auto& data) {
        daf_test::Run run;
        run.add(learner.step(data.images(), data.classes()));
        run.parameters = daf_test::parameters_of(learner);  // running figures among them
        return run;
    };
    daf::Gpu calm, short_of_memory;
    auto undisturbed = daf_test::tiny_learner(calm), learner = daf_test::tiny_learner(short_of_memory);
    CHECK(step(learner, small) == step(undisturbed, small));
    const auto wanted = step(undisturbed, large);
    const auto before = daf_test::parameters_of(learner);
    auto& machine = daf_test::machine();
    const auto whole = machine;
    int refused = 0;
    for (std::size_t bytes = 0;; bytes += 1024) {
        INFO("bytes free: ", bytes);
        machine = whole;
        machine.elsewhere = daf_test::free_memory() - bytes;
        std::optional<daf_test::Run> run;
        const auto message = daf_test::message_of<daf::CudaError>([&] { run = step(learner, large); });
        if (run) {
            CHECK(*run == wanted);
            break;
        }
        ++refused;
        REQUIRE(message.find("out of memory") != std::string::npos);
        REQUIRE(daf_test::parameters_of(learner) == before);
    }
    machine = whole;
    CHECK(refused > 3);
    CHECK(step(learner, small) == step(undisturbed, small));
}
