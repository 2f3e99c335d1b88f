// A loss that daf does not have: a network that says where in a picture a spot is, learning by the squared
// distance.
#include <cmath>
#include <cstdio>
#include <daf/daf.hpp>
#include <filesystem>
#include <vector>

namespace layer = daf::layer;
using Picture = daf::Shape<16, 16, 1>;
using Place = daf::Shape<2>;  // x and y in the picture, from -1 to 1
using Net = daf::Sequence<Picture, layer::ConvBnRelu<8>, layer::MaxPool<2>, layer::ConvBnRelu<8>,
                          layer::Linear<32>, layer::Relu, layer::Linear<2>>;
constexpr daf::Index picture_count = 1000, batch = 100, pixels_a_side = 16;

struct Spots {
    std::vector<float> pixels, places;
    explicit Spots(std::uint64_t seed) {
        daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
        for (daf::Index n = 0; n < picture_count; ++n) {
            const double x = random.uniform(-0.8, 0.8), y = random.uniform(-0.8, 0.8);
            places.insert(places.end(), {static_cast<float>(x), static_cast<float>(y)});
            for (int i = 0; i < 256; ++i) {
                const double dx = (i & 15) - 7.5 * (1 + x), dy = (i >> 4) - 7.5 * (1 + y);
                pixels.push_back(
                    static_cast<float>(std::exp(-(dx * dx + dy * dy) / 4) + 0.1 * random.normal()));
            }
        }
    }
    daf::Batch<Picture, const float> pictures() const { return daf::batch_of<Picture>(pixels); }
    daf::Batch<Place, const float> wanted() const { return daf::batch_of<Place>(places); }
};

/// How far the places are from the wanted ones, on average, in pixels.
double distance(daf::Batch<Place, const float> places, daf::Batch<Place, const float> wanted) {
    double sum = 0;
    for (daf::Index i = 0; i < wanted.count(); ++i)
        sum += std::hypot(places[i][0] - wanted[i][0], places[i][1] - wanted[i][1]);
    return sum / static_cast<double>(wanted.count()) * pixels_a_side / 2;
}

int main() {
    const Spots training(1), unseen(2);
    const std::filesystem::path file = "spots.safetensors";
    std::vector<float> slopes(batch * Place::size);
    // [training]
    daf::Cpu cpu;
    daf::Model<Net, daf::Cpu> model(cpu, daf::max_batch(batch), daf::Seed{1});
    daf::Descent descent(model, daf::Adam{.learning_rate = 3e-3});
    daf::CheckpointInfo info{.architecture = "spots"};
    if (std::filesystem::exists(file)) info = daf::load_checkpoint(file, descent, "spots");  // go on
    while (++info.epoch <= 40) {
        for (daf::Index first = 0; first < picture_count; first += batch) {
            const auto pictures = training.pictures().slice(first, batch);
            const auto wanted = training.wanted().slice(first, batch);
            const auto places = model.forward_train(pictures);
            double loss = 0;  // half the squared distance, its mean over the batch
            for (std::size_t i = 0; i < slopes.size(); ++i) {
                slopes[i] = (places.data()[i] - wanted.data()[i]) / batch;
                loss += 0.5 * batch * static_cast<double>(slopes[i] * slopes[i]);
            }
            model.backward(pictures, daf::batch_of<Place>(slopes));
            descent.step(loss);
        }
        if (info.epoch == 20) descent.set_learning_rate(1e-3);
        daf::save_checkpoint(file, descent, info);
    }
    // [/training]
    daf::Model<Net, daf::Cpu> again(cpu, daf::max_batch(picture_count), daf::Seed{1});
    daf::load_parameters(file, again, "spots");
    const double off = distance(again.forward(unseen.pictures()), unseen.wanted());
    std::printf("off by %.2f pixels\n", off);
    std::filesystem::remove(file);
    return off < 1 ? 0 : 1;
}
