// Work that is recorded, and what a training loop does where that fails, on the stand-in for the CUDA
// runtime.
#include <doctest/doctest.h>

#include <daf/daf.cuh>
#include <daf/gpu/step_queue.cuh>
#include <optional>
#include <vector>

#include "../../support/scratch_folder.hpp"
#include "../support/stand_in_runtime.hpp"

using daf::Index;
using daf_test::message_of;
using daf_test::runtime_figures;

namespace {

using Map = daf::Shape<3, 4, 16>;

std::vector<float> brought_back(const daf::Gpu& gpu, daf::Batch<Map, const float, daf::Device> y) {
    const auto on_host = gpu.download(y);
    return {on_host.data(), on_host.data() + on_host.size()};
}

/// A step queue whose steps rectify their images. What another thread does while one is recorded, `beside`
/// does; it is told how often the work has been queued before.
struct Steps {
    struct Numbers {};
    struct Figures {
        float first;
    };

    daf::Gpu gpu;
    daf::StepQueue<daf::Gpu, Map, float, Numbers, Figures> queue{gpu, 1};
    daf::DeviceMemory memory = gpu.allocate(Map::size * Index{sizeof(float)});
    int queued = 0;

    template <class Beside>
    float step(float value, const Beside& beside) {
        const std::vector<float> images(Map::size, value);
        const std::vector<std::int32_t> labels(1);
        queue.queue(daf::batch_of<Map>(images), daf::labels_of(labels), Numbers{},
                    [&](auto x, auto, const Numbers*, Figures* figures) {
                        const daf::Batch<Map, float, daf::Device> y(memory.as<float>(), 1);
                        daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, x, y);
                        beside(queued++);
                        gpu.copy(&figures->first, static_cast<const float*>(y.data()), 1);
                    });
        return queue.finish().first;
    }
};

void nothing(int) {}

}  // namespace

TEST_CASE(
    "work that is recorded runs when it is launched, with the arguments that it had, and may not allocate or "
    "wait") {
    daf::Gpu gpu;
    const std::vector<float> ones(Map::size, 1.0f), twos(Map::size, -2.0f);
    std::vector<float> zeros(Map::size);
    const auto x = gpu.upload(daf::batch_of<Map>(ones));
    const auto other = gpu.upload(daf::batch_of<Map>(twos));
    const auto y = gpu.upload(daf::batch_of<Map>(zeros));
    auto from = x;
    const daf::gpu::CapturedWork work(gpu.stream(),
                                      [&] { daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, from, y); });
    from = other;
    CHECK(brought_back(gpu, y) == zeros);
    work.launch(gpu.stream());
    CHECK(brought_back(gpu, y) == ones);

    std::optional<daf::DeviceMemory> kept(gpu.allocate(8));
    const auto refused = [&](auto&& body) {
        return message_of<daf::CudaError>(
            [&] { const daf::gpu::CapturedWork impossible(gpu.stream(), body); });
    };
    const std::string reason = ": operation not permitted when stream is capturing";
    CHECK(refused([&] { auto memory = gpu.allocate(8); }) == "CUDA: cudaMalloc of 8 bytes" + reason);
    CHECK(refused([&] { gpu.wait(); }) == "CUDA: cudaStreamSynchronize" + reason);
    CHECK(refused([&] { kept.reset(); }) ==
          "CUDA: cudaStreamEndCapture: operation failed due to a previous error during capture");
    CHECK(brought_back(gpu, y) == ones);  // and the stream goes on
}

TEST_CASE("a recording that somebody else spoils costs that step its recording, and nothing else") {
    Steps steps;
    const daf::Gpu other;
    const auto launched = runtime_figures().recordings_launched;
    const auto spoil_the_first = [&](int before) {
        if (before == 1) static_cast<void>(cudaStreamSynchronize(other.stream()));  // it is refused, too
    };
    CHECK(steps.step(1, spoil_the_first) == 1);  // call by call
    CHECK(steps.step(2, spoil_the_first) == 2);  // recorded in vain
    CHECK(steps.queued == 3);
    CHECK(runtime_figures().recordings_launched == launched);
    for (const float value : {3.0F, -4.0F, 5.0F})
        CHECK(steps.step(value, spoil_the_first) == std::max(value, 0.0F));
    CHECK(steps.queued == 4);
    CHECK(runtime_figures().recordings_launched == launched + 3);
}

TEST_CASE("a step that cannot be recorded twice in a row says why") {
    Steps steps;
    const auto wait = [&](int before) {
        if (before == 1 || before == 3) steps.gpu.wait();
    };
    CHECK(steps.step(1, wait) == 1);
    CHECK(steps.step(2, wait) == 2);
    CHECK(message_of<daf::CudaError>([&] { steps.step(3, wait); }) ==
          "CUDA: cudaStreamSynchronize: operation not permitted when stream is capturing");
    CHECK(steps.step(4, nothing) == 4);
}
