#pragma once
// A Network as it is used: its parameters, and the memory of forward passes. Nothing that learning takes.
#include <daf/net/names.hpp>
#include <daf/net/network.hpp>
#include <daf/net/workspace.hpp>

namespace daf {

/// Owns a Network's parameters and what evaluating it takes on one backend, far less than learning takes;
/// activations are of T. A Learner is an Evaluator: with the same parameters both say the same, to the last
/// bit and on any number of threads. (An Inference is faster, and rounds differently.) On host memory nothing
/// allocates once it is made; a GPU's scratch grows with the first batch of a size. The context must outlive
/// it.
///
///   daf::Evaluator<Net, daf::Cpu> evaluator(cpu, daf::max_batch(64));
///   daf::load_parameters("best.safetensors", evaluator, "daf-cnn lite attention=full");
///   const auto [embeddings, logits] = evaluator.evaluate(x);
template <AnyNetwork Net, class Backend, Activation T = float>
class Evaluator {
  public:
    using Network = Net;
    /// Of parameters. Images and what follows from them are of T.
    using Number = Wide<T>;
    using Space = typename Backend::Space;
    using Images = Batch<typename Net::Input, const T, Space>;
    using Embeddings = Batch<typename Net::Embedding, T, Space>;
    using LogitsBatch = Batch<typename Net::Logits, T, Space>;
    using Outputs = NetworkOutputs<Net, T, Space>;
    static constexpr bool in_host_memory = std::is_same_v<Space, Host>;

    /// Allocates all that evaluating batches of at most the largest size takes. Parameters and running
    /// figures are zeros until they are given: load_parameters, or parameters(). `net` holds what its
    /// operators leave to the run: a margin, say. Throws ArgumentError for one that cannot be.
    Evaluator(Backend& ctx, MaxBatch largest, Net net = {})
        : Evaluator(ctx, largest, std::move(net), activation_bytes(largest.count)) {
        detail::reserve_up_to(ctx, largest.count, [&](Index count) { return scratch_of(ctx, count); });
        ctx.zero(parameters_.template as<Number>(), parameter_count<Net>);
    }
    Evaluator(const Evaluator&) = delete;
    Evaluator& operator=(const Evaluator&) = delete;
    virtual ~Evaluator() = default;  // a Learner may go through a pointer to its Evaluator

    /// Embeddings and logits as the network is used: running statistics, no dropout; until the next call.
    /// observe(i, op, input, output) sees operator i of Net::Operators, of the trunk or the head, as it has
    /// run. Throws ArgumentError for a batch larger than the largest, and for x in memory that it writes to.
    template <class Observer = NoObserver>
    Outputs evaluate(Images x, Observer&& observe = {}) {
        const Embeddings e = trunk_eval_.forward(*ctx_, net_.trunk, trunk_parameters(), x, Draw{}, observe);
        const auto behind_trunk = [&](auto i, const auto&... seen) {
            observe(std::integral_constant<std::size_t, Net::head_begin + i>{}, seen...);
        };
        return {e, head_eval_.forward(*ctx_, net_.head, head_parameters(), e, Draw{}, behind_trunk)};
    }
    template <detail::Misfit<Images> X, class... Rest>
    Outputs evaluate(const X&, const Rest&...) {
        return detail::misfit<Outputs, X, Images>();
    }

    /// All parameters: [decayed | undecayed | state], in the backend's memory.
    Slab<Number, Space> parameters() { return {parameters_.template as<Number>(), parameter_count<Net>}; }
    Slab<const Number, Space> parameters() const {
        return {parameters_.template as<const Number>(), parameter_count<Net>};
    }
    /// The views of operator I's parameters, as Net::Operators counts them; of a const owner, read-only ones.
    template <std::size_t I>
    auto parameters_of() {
        return get<I>(bound_);
    }
    template <std::size_t I>
    auto parameters_of() const {
        return read_only<TypeAt<I, typename Net::Operators>, Number, Space>(get<I>(bound_));
    }
    /// The centres of the metric loss, (classes, embedding).
    auto centres() requires(Net::has_centres) { return get<Net::metric_at>(bound_).centres; }
    auto centres() const requires(Net::has_centres) { return parameters_of<Net::metric_at>().centres; }

    const Net& net() const { return net_; }
    Backend& context() const { return *ctx_; }

    /// Bytes that an Evaluator for batches up to `largest` allocates, its context's scratch left out.
    static Index bytes(Index largest) { return parameter_bytes + activation_bytes(largest); }
    /// What it takes of ctx's scratch for them; on a GPU for the largest, though a smaller one may take more.
    static Index scratch_bytes(const Backend& ctx, Index largest) {
        return detail::scratch_up_to<Backend>(largest, [&](Index count) { return scratch_of(ctx, count); });
    }

  protected:
    /// For a Learner: so many bytes for activations; parameters are not set yet, nor is scratch reserved.
    Evaluator(Backend& ctx, MaxBatch largest, Net net, Index activation_bytes)
        : net_(std::move(net)),
          ctx_(&ctx),
          parameters_(ctx.allocate(parameter_bytes)),
          activations_(ctx.allocate(activation_bytes)),
          bound_(bind_all_parameters<Net, Number, Space>(parameters_.template as<Number>())),
          trunk_eval_(activations_.data(), largest.count),
          head_eval_(activations_.data() + EvalTrunk::bytes(largest.count), largest.count) {
        check_figures(net_);
    }

    /// Within a Learner alone, which cannot do without this part of itself.
    Evaluator(Evaluator&&) = default;

    static constexpr Index parameter_bytes = parameter_count<Net> * static_cast<Index>(sizeof(Number));
    static constexpr Index activation_bytes(Index largest) {
        return EvalTrunk::bytes(largest) + EvalHead::bytes(largest);
    }

    auto trunk_parameters() const { return part_of_tuple<0, Net::Trunk::length>(bound_); }
    auto head_parameters() const { return part_of_tuple<Net::head_begin, Net::Head::length>(bound_); }

    Net net_;
    Backend* ctx_;
    typename Backend::Memory parameters_, activations_;
    ParameterTuple<Net, Number, Space> bound_;

  private:
    using EvalTrunk = Workspace<typename Net::Trunk, T, Backend, Mode::eval>;
    using EvalHead = Workspace<typename Net::Head, T, Backend, Mode::eval>;
    static constexpr auto checked = sizeof(check_activations<Backend, T>);

    static Index scratch_of(const Backend& ctx, Index count) {
        return std::max(EvalTrunk::scratch_bytes(ctx, count), EvalHead::scratch_bytes(ctx, count));
    }

    EvalTrunk trunk_eval_;
    EvalHead head_eval_;
};

}  // namespace daf
