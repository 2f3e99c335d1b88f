// The DAF-CNN of the paper in one translation unit: forward, backward, losses, centres, Adam.
#include <daf/daf.hpp>

#include "network/presets.hpp"

using Net = daf_cnn::NetworkOf<daf_cnn::Paper, daf_cnn::Attention::full>;
using Image = daf_cnn::InputOf<daf_cnn::Paper>;

template class daf::Learner<Net, daf::Cpu>;

void train(daf::Learner<Net, daf::Cpu>& learner, daf::Batch<Image, const float> x, daf::Labels<> labels) {
    learner.step(x, labels);
}
