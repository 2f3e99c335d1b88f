// usage: consumer VERSION -- fails unless the library found is of that version, learns and saves what it
// learnt.
#include <daf/daf.hpp>
#include <filesystem>
#include <iostream>
#include <vector>

namespace layer = daf::layer;

using Trunk = daf::Sequence<daf::Shape<8, 8, 1>, layer::ConvBnRelu<8>, layer::MaxPool<2>,
                            layer::DualAttention<4, 3>, layer::Linear<4, daf::Start::he>, layer::Relu>;
using Head = daf::Sequence<daf::Shape<4>, layer::Dropout, layer::Linear<2>>;
using Net = daf::Network<Trunk, Head, daf::TripletCentreLoss<daf::Shape<4>, 2>>;

int main(int argc, char** argv) {
    std::cout << "daf " << daf::version_string << '\n';
    if (argc != 2 || argv[1] != daf::version_string) return 1;

    std::vector<float> pixels(16 * 64);
    std::vector<std::int32_t> labels(16);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const std::size_t image = i / 64;
        labels[image] = static_cast<std::int32_t>(image % 2);
        pixels[i] = (i % 8 < 4) == (image % 2 == 0) ? 0.2f + 0.01f * static_cast<float>(i % 7) : 0.9f;
    }
    daf::Cpu cpu;
    daf::Learner<Net, daf::Cpu> learner(cpu, daf::max_batch(16), daf::Seed{1});
    const auto images = daf::batch_of<daf::Shape<8, 8, 1>>(std::as_const(pixels));
    const daf::StepResult first = learner.step(images, daf::labels_of(labels));
    const daf::StepResult second = learner.step(images, daf::labels_of(labels));
    std::cout << "loss " << first.loss << ", then " << second.loss << '\n';

    const auto file = std::filesystem::temp_directory_path() / "daf-consumer.safetensors";
    daf::save_checkpoint(file, learner, {"consumer"});
    const int epoch = daf::load_checkpoint(file, learner, "consumer").epoch;
    std::filesystem::remove(file);
    return second.loss < first.loss && epoch == 0 ? 0 : 1;
}
