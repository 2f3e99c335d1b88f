#pragma once
// What `daf-cnn bench` times, for a preset's type. Included by compiled_preset.hpp alone.
#include <algorithm>
#include <daf/daf.hpp>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "network/face_network.hpp"

namespace daf_cnn::detail {

/// A batch that iterations repeat on: numbers in [0, 1), and labels.
template <class S>
struct BenchBatch {
    explicit BenchBatch(Index count)
        : values(static_cast<std::size_t>(count * S::size)), labels(static_cast<std::size_t>(count)) {
        daf::RandomSequence random(daf::Stream{daf::Seed{0}});
        for (float& value : values) value = static_cast<float>(random.uniform());
        for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random.below(class_count));
    }
    daf::Batch<S, const float> x() const { return daf::batch_of<S>(values); }
    daf::Labels<> y() const { return daf::labels_of(labels); }

    std::vector<float> values;
    std::vector<std::int32_t> labels;
};

/// forward, joint loss, backward, Adam, centres
template <class P>
struct TrainBench {
    using Net = NetworkOf<P, Attention::full>;
    TrainBench(daf::Cpu& cpu, Index count)
        : learner(cpu, daf::max_batch(count), daf::Seed{0}), batch(count) {}
    void operator()() { learner.step(batch.x(), batch.y()); }

    daf::Learner<Net, daf::Cpu> learner;
    BenchBatch<InputOf<P>> batch;
};

/// image to logits
template <class P>
struct InferBench {
    using Trunk = TrunkOf<P, Attention::full>;
    using Head = HeadOf<P>;
    InferBench(daf::Cpu& cpu_, Index count)
        : cpu(cpu_),
          trunk(cpu, first_values<Trunk>(), daf::max_batch(count)),
          head(cpu, first_values<Head>(), daf::max_batch(count)),
          trunk_workspace(trunk.workspace(cpu, daf::max_batch(count))),
          head_workspace(head.workspace(cpu, daf::max_batch(count))),
          batch(count) {}
    void operator()() { head(cpu, head_workspace, trunk(cpu, trunk_workspace, batch.x())); }

    template <class Sequence>
    static std::vector<float> first_values() {
        std::vector<float> values(static_cast<std::size_t>(daf::parameter_count<Sequence>));
        daf::initialise<Sequence>(values.data(), daf::Seed{0});
        return values;
    }

    daf::Cpu& cpu;
    daf::Inference<Trunk, daf::Cpu> trunk;
    daf::Inference<Head, daf::Cpu> head;
    typename daf::Inference<Trunk, daf::Cpu>::InferenceWorkspace trunk_workspace;
    typename daf::Inference<Head, daf::Cpu>::InferenceWorkspace head_workspace;
    BenchBatch<InputOf<P>> batch;
};

/// the attention on the preset's own map: forward and backward
template <class P>
struct AttentionBench {
    using Map = AttentionMap<P>;
    AttentionBench(daf::Cpu& cpu, Index count)
        : model(cpu, daf::max_batch(count), daf::Seed{0}), batch(count), dy(count), dx(batch.values.size()) {}
    void operator()() {
        model.zero_gradients();
        model.forward_train(batch.x());
        model.backward(batch.x(), dy.x(), daf::overwrite(daf::batch_of<Map>(dx)));
    }

    daf::Model<daf::Sequence<Map, AttentionLayer>, daf::Cpu> model;
    BenchBatch<Map> batch, dy;
    std::vector<float> dx;
};

/// the TC loss on a batch of embeddings: forward, backward, centres
template <class P>
struct TcBench {
    using Metric = MetricOf<P>;
    using Embedding = typename Metric::Input;
    TcBench(daf::Cpu& cpu_, Index count)
        : cpu(cpu_),
          batch(count),
          parameters(static_cast<std::size_t>(daf::parameter_count<Metric>)),
          gradients(static_cast<std::size_t>(daf::gradient_count<Metric>)),
          losses(static_cast<std::size_t>(count)),
          weights(static_cast<std::size_t>(count), 1.0f),
          de(batch.values.size()),
          saved(daf::saved_bytes<Metric, float>(count)) {
        daf::RandomSequence random(daf::Stream{daf::Seed{1}});
        for (float& value : parameters) value = static_cast<float>(0.01 * random.normal());
    }
    void operator()() {
        std::fill(gradients.begin(), gradients.end(), 0.0f);
        const auto bound = daf::bind<Metric>(std::span(parameters));
        const auto sums = daf::bind_gradients<Metric>(std::span(gradients));
        const auto kept = daf::bind_saved<Metric, float>(saved.data(), batch.y().count());
        const auto y = daf::batch_of<daf::Shape<1>>(losses);
        daf::forward<daf::train>(cpu, Metric{}, batch.x(), y, bound, kept, batch.y());
        daf::backward(cpu, Metric{}, batch.x(), y, daf::batch_of<daf::Shape<1>>(weights),
                      daf::overwrite(daf::batch_of<Embedding>(de)), bound, sums, kept, batch.y());
        daf::update_centres(cpu, Metric{}, bound, sums, 0.005);
    }

    daf::Cpu& cpu;
    BenchBatch<Embedding> batch;
    std::vector<float> parameters, gradients, losses, weights, de;
    daf::HostMemory saved;
};

template <class Bench>
std::function<void()> owned(daf::Cpu& cpu, Index batch) {
    return [bench = std::make_shared<Bench>(cpu, batch)] { (*bench)(); };
}

template <class P>
std::function<void()> make_bench(daf::Cpu& cpu, BenchMode mode, Index batch) {
    switch (mode) {
        case BenchMode::train: return owned<TrainBench<P>>(cpu, batch);
        case BenchMode::infer: return owned<InferBench<P>>(cpu, batch);
        case BenchMode::attention: return owned<AttentionBench<P>>(cpu, batch);
        case BenchMode::tc: return owned<TcBench<P>>(cpu, batch);
    }
    return {};
}

}  // namespace daf_cnn::detail
