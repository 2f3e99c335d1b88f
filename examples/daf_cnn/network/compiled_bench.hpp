#pragma once
// What `daf-cnn bench` times, for a preset's type on one backend. Included by compiled_preset.hpp and
// compiled_gpu_preset.cuh alone, behind the backend. Each bench says what it takes of its context's memory:
//   title                          what it is, of a preset's name
//   bytes(ctx, count)              at the most at once, scratch left out
//   bytes_with_scratch(ctx, count)
#include <algorithm>
#include <daf/net/inference.hpp>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "network/face_network.hpp"

namespace daf_cnn::detail {

/// Elements in a context's memory.
template <class Backend, class T = float>
class BenchMemory {
  public:
    BenchMemory(Backend& ctx, Index size) : memory_(ctx.allocate(bytes(size))), size_(size) {
        ctx.zero(data(), size);
    }
    BenchMemory(Backend& ctx, const std::vector<T>& values)
        : BenchMemory(ctx, static_cast<Index>(values.size())) {
        ctx.copy_in(data(), values.data(), size_);
    }
    static constexpr Index bytes(Index size) { return size * static_cast<Index>(sizeof(T)); }
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
        : values_(ctx, numbers(count)), labels_(ctx.allocate(label_bytes(count))), count_(count) {
        daf::RandomSequence random(daf::Stream{daf::Seed{0}, 1});
        std::vector<std::int32_t> classes(static_cast<std::size_t>(count));
        for (std::int32_t& label : classes)
            label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(label_count)));
        ctx.copy_in(labels_.template as<std::int32_t>(), classes.data(), count);
    }
    static constexpr Index bytes(Index count) {
        return BenchMemory<Backend, T>::bytes(count * S::size) + label_bytes(count);
    }
    daf::Batch<S, const T, Space> x() const { return values_.template batch<S>(); }
    daf::Labels<Space> y() const { return {labels_.template as<const std::int32_t>(), count_}; }

  private:
    static constexpr Index label_bytes(Index count) {
        return count * static_cast<Index>(sizeof(std::int32_t));
    }
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
    using Learner = daf::Learner<NetworkOf<P, Attention::full>, Backend, T>;
    using Images = BenchBatch<InputOf<P>, Backend, T>;
    TrainBench(Backend& ctx, Index count)
        : learner(ctx, daf::max_batch(count), daf::Seed{0}), batch(ctx, count) {}
    void operator()() { learner.step(batch.x(), batch.y()); }

    static constexpr const char* title = "training";
    static Index bytes(const Backend&, Index count) {
        return Learner::bytes(count, daf::Adam{}) + Images::bytes(count);
    }
    static Index bytes_with_scratch(const Backend& ctx, Index count) {
        return bytes(ctx, count) + Learner::scratch_bytes(ctx, count);
    }

    Learner learner;
    Images batch;
};

/// image to logits
template <class P, class Backend, class T>
struct InferBench {
    using Net = NetworkOf<P, Attention::full>;
    using Inference = daf::Inference<Net, Backend, T>;
    using Workspace = typename Inference::InferenceWorkspace;
    using Images = BenchBatch<InputOf<P>, Backend, T>;
    InferBench(Backend& context, Index count)
        : ctx(context),
          net(ctx, first_values().slab(), daf::usual_batch(count)),
          workspace(net.workspace(ctx, daf::max_batch(count))),
          batch(ctx, count) {}
    void operator()() { net(ctx, workspace, batch.x()); }

    static constexpr const char* title = "inference of";
    static Index bytes(const Backend& ctx, Index count) { return most(ctx, count, 0); }
    static Index bytes_with_scratch(const Backend& ctx, Index count) {
        return most(ctx, count, Inference::scratch_bytes(ctx, count));
    }

    BenchMemory<Backend> first_values() {
        BenchMemory<Backend> values(ctx, daf::parameter_count<Net>);
        daf::initialise<Net>(ctx, values.data(), daf::Seed{0});
        return values;
    }

    Backend& ctx;
    Inference net;
    Workspace workspace;
    Images batch;

  private:
    /// The first parameters are there while the Inference is made, the rest once it is.
    static Index most(const Backend& ctx, Index count, Index scratch) {
        const Index first = BenchMemory<Backend>::bytes(daf::parameter_count<Net>);
        return Inference::bytes(ctx, daf::usual_batch(count)) +
               std::max(first, Workspace::bytes(count) + Images::bytes(count) + scratch);
    }
};

/// the attention on the preset's own map: forward and backward
template <class P, class Backend, class T>
struct AttentionBench {
    using Map = AttentionMap<P>;
    using Model = daf::Model<daf::Sequence<Map, AttentionLayer>, Backend, T>;
    using Maps = BenchBatch<Map, Backend, T>;
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

    static constexpr const char* title = "the attention of";
    static Index bytes(const Backend&, Index count) {
        return Model::bytes(count) + 2 * Maps::bytes(count) +
               BenchMemory<Backend, T>::bytes(count * Map::size);
    }
    static Index bytes_with_scratch(const Backend& ctx, Index count) {
        return bytes(ctx, count) + Model::scratch_bytes(ctx, count);
    }

    Model model;
    Maps batch, dy;
    BenchMemory<Backend, T> dx;
};

/// the TC loss on a batch of embeddings: forward, backward, centres
template <class P, Index Classes, class Backend, class T>
struct TcBench {
    using Space = typename Backend::Space;
    using Metric = daf::TripletCentreLoss<daf::Shape<P::embedding>, Classes>;
    using Embedding = typename Metric::Input;
    using Embeddings = BenchBatch<Embedding, Backend, T>;
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

    static constexpr const char* title = "the Triplet-Centre loss of";
    static Index bytes(const Backend&, Index count) {
        return Embeddings::bytes(count) +
               BenchMemory<Backend>::bytes(daf::parameter_count<Metric> + daf::gradient_count<Metric> +
                                           2 * count) +
               BenchMemory<Backend, T>::bytes(count * Embedding::size) + daf::saved_bytes<Metric, T>(count);
    }
    static Index bytes_with_scratch(const Backend& ctx, Index count) {
        return bytes(ctx, count) + daf::scratch_bytes<Metric, T>(ctx, count);
    }

    static std::vector<float> first_centres() {
        daf::RandomSequence random(daf::Stream{daf::Seed{1}});
        std::vector<float> values(static_cast<std::size_t>(daf::parameter_count<Metric>));
        for (float& value : values) value = static_cast<float>(0.01 * random.normal());
        return values;
    }

    Backend& ctx;
    Embeddings batch;
    BenchMemory<Backend> parameters, gradients, losses, weights;
    BenchMemory<Backend, T> de;
    typename Backend::Memory saved;
};

/// An iteration. The context lives as long as it.
template <class Bench, class Backend>
std::function<void()> owned(std::shared_ptr<Backend> ctx, Index batch) {
    const auto bench = std::make_shared<Bench>(*ctx, batch);
    return [ctx, bench] {
        (*bench)();
        ctx->wait();
    };
}

/// visit(std::type_identity of the mode's bench).
template <class P, class T, class Backend, class Visit>
std::function<void()> visit_bench(BenchMode mode, const Visit& visit) {
    switch (mode) {
        case BenchMode::train: return visit(std::type_identity<TrainBench<P, Backend, T>>{});
        case BenchMode::infer: return visit(std::type_identity<InferBench<P, Backend, T>>{});
        case BenchMode::attention: return visit(std::type_identity<AttentionBench<P, Backend, T>>{});
        case BenchMode::tc: return visit(std::type_identity<TcBench<P, class_count, Backend, T>>{});
        case BenchMode::tc_1000: return visit(std::type_identity<TcBench<P, 1000, Backend, T>>{});
    }
    return {};
}

}  // namespace daf_cnn::detail
