#pragma once
#include <daf/daf.hpp>
#include <vector>

inline std::vector<float> output_of_same_network() {
    namespace layer = daf::layer;
    using Net = daf::Sequence<daf::Shape<4, 4, 2>, layer::ConvBnRelu<8>, layer::MaxPool<2>, layer::Linear<3>>;
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Net, daf::Cpu> model(cpu, daf::max_batch(2), daf::Seed{4});
    const std::vector<float> x(2 * 32, 0.5f);
    const auto y = model.forward_train(daf::batch_of<daf::Shape<4, 4, 2>>(x));
    return {y.data(), y.data() + y.size()};
}
