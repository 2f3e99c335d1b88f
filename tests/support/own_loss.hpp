#pragma once
// A Model that is trained with a loss of the caller's own, on any backend in host memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <daf/net/descent.hpp>
#include <daf/net/learner.hpp>
#include <daf/ops/reduction.hpp>

#include "tiny_network.hpp"

namespace daf_test {

namespace own_loss {
using Image = daf::Shape<8, 8, 1>;
using Trunk = daf::Sequence<Image, layer::ConvBnRelu<4>, layer::MaxPool<2>, layer::Linear<6>, layer::Relu>;
using Head = daf::Sequence<daf::Shape<6>, layer::Linear<3>>;
using Both = daf::Sequence<Image, layer::ConvBnRelu<4>, layer::MaxPool<2>, layer::Linear<6>, layer::Relu,
                           layer::Linear<3>>;
using Softmax = daf::SoftmaxCrossEntropy<daf::Shape<3>>;
}  // namespace own_loss

/// model's gradients of the mean softmax loss.
template <class M>
void add_softmax_gradients(M& model, const TinyData<float>& data) {
    using daf::Shape;
    using own_loss::Softmax;
    auto& ctx = model.context();
    const auto logits = model.forward_train(data.images());
    const auto count = static_cast<std::size_t>(logits.count());
    std::vector<float> losses(count), weights(count), dlogits(3 * count);
    const daf::HostMemory kept(daf::saved_bytes<Softmax, float>(logits.count()));
    const auto saved = daf::bind_saved<Softmax, float>(kept, logits.count());
    const auto y = daf::batch_of<Shape<1>>(losses), dy = daf::batch_of<Shape<1>>(weights);
    const auto dx = daf::batch_of<Shape<3>>(dlogits);
    daf::forward<daf::train>(ctx, Softmax{}, logits, y, daf::Nothing{}, saved, data.classes());
    daf::fill_weights(ctx, daf::Reduction::mean, dy);
    daf::backward(ctx, Softmax{}, logits, y, dy, daf::overwrite(dx), daf::Nothing{}, daf::Nothing{}, saved,
                  data.classes());
    model.backward(data.images(), dx);
}

/// A Descent moves a model as a Learner moves the same network: to the same bits.
template <class Backend>
void check_descent_beside_learner(Backend& ctx, const daf::Optimizer& optimizer) {
    daf::Learner<daf::Network<own_loss::Trunk, own_loss::Head>, Backend> learner(
        ctx, daf::max_batch(6), daf::Seed{5}, {}, {}, optimizer);
    daf::Model<own_loss::Both, Backend> model(ctx, daf::max_batch(6), daf::Seed{6});
    daf::Descent descent(model, optimizer);
    std::ranges::copy(learner.parameters(), model.parameters().begin());
    for (int step = 0; step < 4; ++step) {
        const TinyData<float> data(step % 2 == 0 ? 6 : 3, static_cast<std::uint64_t>(step));
        if (step == 2) {
            learner.set_learning_rate(2e-3);
            descent.set_learning_rate(2e-3);
        }
        learner.step(data.images(), data.classes());
        add_softmax_gradients(model, data);
        descent.step(0.1);
        CHECK(std::ranges::equal(model.parameters(), learner.parameters()));
        CHECK(std::ranges::all_of(model.gradients(), [](float g) { return g == 0; }));
    }
    for (daf::Index i = 0; i < daf::moment_count(optimizer); ++i)
        CHECK(std::ranges::equal(descent.moment(i), learner.moment(i)));
    CHECK(descent.updates() == 4);
    CHECK(descent.draws() == 4);
}

}  // namespace daf_test
