#include "training/first_centres.hpp"

#include <algorithm>

#include "data/data.hpp"

namespace daf_cnn {

namespace {

/// Sums in double, in the images' order: the same bits whatever the batch.
void place_at_means(FaceLearner& network, const Dataset& train, Index batch) {
    std::vector<float> centres = network.centres();
    const std::size_t length = centres.size() / class_count;
    std::vector<double> sums(centres.size());
    std::array<double, class_count> counts{};
    for_each_batch(train, network.side(), batch, [&](const BatchBuffer& images) {
        const std::vector<Reading> readings = network.read(images.images());
        for (std::size_t i = 0; i < readings.size(); ++i) {
            const auto label = static_cast<std::size_t>(images.labels()[i]);
            const auto& e = readings[i].embedding;
            counts[label] += 1;
            std::transform(e.begin(), e.end(), sums.begin() + static_cast<std::ptrdiff_t>(label * length),
                           sums.begin() + static_cast<std::ptrdiff_t>(label * length),
                           [](float x, double sum) { return sum + static_cast<double>(x); });
        }
    });
    for (std::size_t i = 0; i < centres.size(); ++i) {
        if (counts[i / length] > 0) centres[i] = static_cast<float>(sums[i] / counts[i / length]);
    }
    network.set_centres(centres);
}

}  // namespace

void take_weights(FaceLearner& network, const daf::Safetensors& weights, std::string_view first_centres,
                  const Dataset& train, Index batch) {
    const std::vector<float> drawn = network.centres();
    network.take_parameters(weights);
    if (first_centres == "gaussian") network.set_centres(drawn);
    if (first_centres == "means") place_at_means(network, train, batch);
}

}  // namespace daf_cnn
