#pragma once
// What `daf-cnn bench` times, for a preset's type on one backend. Included by compiled_preset.hpp and
// compiled_gpu_preset.cuh alone, behind the backend.
#include <daf/net/inference.hpp>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "network/face_network.hpp"

namespace daf_cnn::detail {

/// Elements in a context's memory.
template <class Backend, class T = float>
class BenchMemory {
  public:
    BenchMemory(Backend& ctx, Index size)
        : memory_(ctx.allocate(size * static_cast<Index>(sizeof(T)))), size_(size) {
        ctx.zero(data(), size);
    }
    BenchMemory(Backend& ctx, const std::vector<T>& values)
        : BenchMemory(ctx, static_cast<Index>(values.size())) {
        ctx.copy_in(data(), values.data(), size_);
    }
    T* data() const { return memory_.template as<T>(); }
    daf::Slab<T, typename Backend::Space> slab() const { return {data(), static_cast<std::size_t>(size_)}; }
    template <class S>
    daf::Batch<S, T, typename Backend::Space> batch() const {
        return {data(), size_ / S::size};
    }

  private:
    typename Backend::Memory memory_;
    Index size_;
};

/// A batch that iterations repeat on: numbers in [0, 1), and labels.
template <class S, class Backend, class T>
class BenchBatch {
  public:
    using Space = typename Backend::Space;

    BenchBatch(Backend& ctx, Index count, Index label_count = class_count)
        : values_(ctx, numbers(count)),
          labels_(ctx.allocate(count * static_cast<Index>(sizeof(std::int32_t)))),
          count_(count) {
        daf::RandomSequence random(daf::Stream{daf::Seed{0}, 1});
        std::vector<std::int32_t> classes(static_cast<std::size_t>(count));
        for (std::int32_t& label : classes)
            label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(label_count)));
        ctx.copy_in(labels_.template as<std::int32_t>(), classes.data(), count);
    }
    /// What it takes of the context's memory.
    static constexpr Index bytes(Index count) {
        return count * (S::size * static_cast<Index>(sizeof(T)) + static_cast<Index>(sizeof(std::int32_t)));
    }
    daf::Batch<S, const T, Space> x() const { return values_.template batch<S>(); }
    daf::Labels<Space> y() const { return {labels_.template as<const std::int32_t>(), count_}; }

  private:
    static std::vector<T> numbers(Index count) {
        daf::RandomSequence random(daf::Stream{daf::Seed{0}});
        std::vector<T> values(static_cast<std::size_t>(count * S::size));
        for (T& value : values) value = static_cast<T>(random.uniform());
        return values;
    }
    BenchMemory<Backend, T> values_;
    typename Backend::Memory labels_;
    Index count_;
};

/// forward, joint loss, backward, Adam, centres
template <class P, class Backend, class T>
struct TrainBench {
    using Net = NetworkOf<P, Attention::full>;
    TrainBench(Backend& ctx, Index count)
        : learner(ctx, daf::max_batch(count), daf::Seed{0}), batch(ctx, count) {}
    void operator()() { learner.step(batch.x(), batch.y()); }

    daf::Learner<Net, Backend, T> learner;
    BenchBatch<InputOf<P>, Backend, T> batch;
};

/// image to logits
template <class P, class Backend, class T>
struct InferBench {
    using Net = NetworkOf<P, Attention::full>;
    using Inference = daf::Inference<Net, Backend, T>;
    InferBench(Backend& context, Index count)
        : ctx(context),
          net(ctx, first_values().slab(), daf::usual_batch(count)),
          workspace(net.workspace(ctx, daf::max_batch(count))),
          batch(ctx, count) {}
    void operator()() { net(ctx, workspace, batch.x()); }

    BenchMemory<Backend> first_values() {
        BenchMemory<Backend> values(ctx, daf::parameter_count<Net>);
        daf::initialise<Net>(ctx, values.data(), daf::Seed{0});
        return values;
    }

    Backend& ctx;
    Inference net;
    typename Inference::InferenceWorkspace workspace;
    BenchBatch<InputOf<P>, Backend, T> batch;
};

/// the attention on the preset's own map: forward and backward
template <class P, class Backend, class T>
struct AttentionBench {
    using Map = AttentionMap<P>;
    AttentionBench(Backend& ctx, Index count)
        : model(ctx, daf::max_batch(count), daf::Seed{0}),
          batch(ctx, count),
          dy(ctx, count),
          dx(ctx, count * Map::size) {}
    void operator()() {
        model.zero_gradients();
        model.forward_train(batch.x());
        model.backward(batch.x(), dy.x(), daf::overwrite(dx.template batch<Map>()));
    }

    daf::Model<daf::Sequence<Map, AttentionLayer>, Backend, T> model;
    BenchBatch<Map, Backend, T> batch, dy;
    BenchMemory<Backend, T> dx;
};

/// the TC loss on a batch of embeddings: forward, backward, centres
template <class P, Index Classes, class Backend, class T>
struct TcBench {
    using Space = typename Backend::Space;
    using Metric = daf::TripletCentreLoss<daf::Shape<P::embedding>, Classes>;
    using Embedding = typename Metric::Input;
    TcBench(Backend& context, Index count)
        : ctx(context),
          batch(ctx, count, Classes),
          parameters(ctx, first_centres()),
          gradients(ctx, daf::gradient_count<Metric>),
          losses(ctx, count),
          weights(ctx, std::vector<float>(static_cast<std::size_t>(count), 1.0f)),
          de(ctx, count * Embedding::size),
          saved(ctx.allocate(daf::saved_bytes<Metric, T>(count))) {}
    void operator()() {
        ctx.zero(gradients.data(), daf::gradient_count<Metric>);
        const auto bound = daf::bind<Metric>(parameters.slab());
        const auto sums = daf::bind_gradients<Metric>(gradients.slab());
        const auto kept = daf::bind_saved<Metric, T, Space>(saved.data(), batch.y().count());
        const auto y = losses.template batch<daf::Shape<1>>();
        daf::forward<daf::train>(ctx, Metric{}, batch.x(), y, bound, kept, batch.y());
        daf::backward(ctx, Metric{}, batch.x(), y, weights.template batch<daf::Shape<1>>(),
                      daf::overwrite(de.template batch<Embedding>()), bound, sums, kept, batch.y());
        daf::update_centres(ctx, Metric{}, bound, sums, 0.005);
    }

    static std::vector<float> first_centres() {
        daf::RandomSequence random(daf::Stream{daf::Seed{1}});
        std::vector<float> values(static_cast<std::size_t>(daf::parameter_count<Metric>));
        for (float& value : values) value = static_cast<float>(0.01 * random.normal());
        return values;
    }

    Backend& ctx;
    BenchBatch<Embedding, Backend, T> batch;
    BenchMemory<Backend> parameters, gradients, losses, weights;
    BenchMemory<Backend, T> de;
    typename Backend::Memory saved;
};

template <class Bench, class Backend>
std::function<void()> owned(std::shared_ptr<Backend> ctx, Index batch) {
    const auto bench = std::make_shared<Bench>(*ctx, batch);
    return [ctx, bench] {
        (*bench)();
        ctx->wait();
    };
}

/// The context lives as long as what is returned.
template <class P, class T = float, class Backend>
std::function<void()> make_bench_on(std::shared_ptr<Backend> ctx, BenchMode mode, Index batch) {
    switch (mode) {
        case BenchMode::train: return owned<TrainBench<P, Backend, T>>(std::move(ctx), batch);
        case BenchMode::infer: return owned<InferBench<P, Backend, T>>(std::move(ctx), batch);
        case BenchMode::attention: return owned<AttentionBench<P, Backend, T>>(std::move(ctx), batch);
        case BenchMode::tc: return owned<TcBench<P, class_count, Backend, T>>(std::move(ctx), batch);
        case BenchMode::tc_1000: return owned<TcBench<P, 1000, Backend, T>>(std::move(ctx), batch);
    }
    return {};
}

}  // namespace daf_cnn::detail
