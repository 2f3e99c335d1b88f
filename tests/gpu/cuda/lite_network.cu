// The embedding network of the preset lite on Gpu: training and inference compile. They are not run.
#include <daf/daf.cuh>
#include <daf/net/model.hpp>

#include "network/presets.hpp"

void lite_network_on_gpu(daf::Gpu& gpu) {
    using Trunk = daf_cnn::TrunkOf<daf_cnn::Lite, daf_cnn::Attention::full>;
    daf::Model<Trunk, daf::Gpu> model(gpu, daf::max_batch(2), daf::Seed{1});
    const daf::Batch<Trunk::Input, const float, daf::Device> x;
    const daf::Batch<Trunk::Output, const float, daf::Device> dy;
    model.forward_train(x);
    model.backward(x, dy);
    const daf::Inference<Trunk, daf::Gpu> snapshot(gpu, model.parameters());
    auto workspace = snapshot.workspace(gpu, daf::max_batch(2));
    snapshot(gpu, workspace, x);
}
