#pragma once
// A network of every part that the DAF-CNN has, small enough to train in a test.
#include <daf/net/layers.hpp>
#include <daf/net/network.hpp>
#include <daf/ops/triplet_centre_loss.hpp>
#include <vector>

namespace daf_test {

namespace layer = daf::layer;

using TinyTrunk =
    daf::Sequence<daf::Shape<8, 8, 1>, layer::ConvBnRelu<4>, layer::MaxPool<2>, layer::ConvBnRelu<8>,
                  layer::Named<"attention", layer::DualAttention<4, 3>>, layer::Dropout,
                  layer::Named<"fc1", layer::Linear<6, daf::Start::he>>, layer::Relu>;
using TinyHead = daf::Sequence<daf::Shape<6>, layer::Dropout, layer::Named<"fc2", layer::Linear<3>>>;
using TinyNetwork = daf::Network<TinyTrunk, TinyHead, daf::TripletCentreLoss<daf::Shape<6>, 3>>;

/// Images whose class is which row of pixels is bright, with noise.
template <class T>
struct TinyData {
    explicit TinyData(daf::Index count, std::uint64_t seed = 1)
        : pixels(static_cast<std::size_t>(count) * 64), labels(static_cast<std::size_t>(count)) {
        daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
        for (std::size_t n = 0; n < labels.size(); ++n) {
            labels[n] = static_cast<std::int32_t>(random.below(3));
            for (std::size_t i = 0; i < 64; ++i) {
                const bool bright = static_cast<std::int32_t>(i / 8) == 1 + 2 * labels[n];
                pixels[n * 64 + i] = static_cast<T>(0.5 * random.uniform() + (bright ? 0.5 : 0.0));
            }
        }
    }
    daf::Batch<daf::Shape<8, 8, 1>, const T> images() const {
        return daf::batch_of<daf::Shape<8, 8, 1>>(pixels);
    }
    daf::Labels<> classes() const { return daf::labels_of(labels); }

    std::vector<T> pixels;
    std::vector<std::int32_t> labels;
};

}  // namespace daf_test
