#pragma once
// A trained Sequence or Network in the form in which it is fastest to use. Threads share it.
#include <daf/core/prepared.hpp>
#include <daf/net/network.hpp>
#include <daf/net/workspace.hpp>
#include <span>

namespace daf {

namespace detail {
/// A slab as the parameters of Net, which must be as many as it has.
template <class Net, class Space, class T>
ParameterTuple<Net, const T, Space> parameters_for_inference(std::span<const T> slab) {
    check_count("Inference: parameters", parameter_count<Net>, slab.size());
    return bind_all_parameters<Net, const T, Space>(slab.data());
}
}  // namespace detail

/// An immutable snapshot of a Sequence or a Network, its parameters in the form in which the kernels read
/// them fastest (on the CPU: normalisation folded into the convolutions, weights transformed). Any number of
/// threads may call it at once, each with a context and a workspace of its own:
///
///   daf::Cpu cpu(daf::Threads{1});
///   const daf::Inference<Net, daf::Cpu> net(cpu, learner.parameters());
///   auto workspace = net.workspace(cpu, daf::max_batch(8));
///   auto [embeddings, logits] = net(cpu, workspace, x);
///
/// Of a Sequence it takes model.parameters(), and gives one output.
///
/// It gives what Learner::evaluate(x) or Model::forward(x) gives, up to rounding. Bits do not depend on the
/// number of threads.
template <class Net, class Backend, Activation T = float>
class Inference;

template <AnyShape In, class... Layers, class Backend, Activation T>
class Inference<Sequence<In, Layers...>, Backend, T> {
    static constexpr auto checked = sizeof(check_activations<Backend, T>);

  public:
    using Seq = Sequence<In, Layers...>;
    using Space = typename Backend::Space;
    using Number = Wide<T>;  // of the parameters
    using Parameters = ParameterTuple<Seq, const Number, Space>;
    using InferenceWorkspace = Workspace<Seq, T, Backend, Mode::eval>;

    /// Takes what it needs of the parameters, which lie in the backend's memory. usual: the batch that it
    /// should be fastest for. Throws ArgumentError unless they are parameter_count<Seq> elements, and for an
    /// operator of `net` with a figure that cannot be.
    Inference(Backend& ctx, std::span<const Number> parameters, MaxBatch usual = {1}, Seq net = {})
        : Inference(ctx, detail::parameters_for_inference<Seq, Space>(parameters), usual, net) {}
    /// Of bound parameters: a part of a larger network's.
    Inference(Backend& ctx, const Parameters& parameters, MaxBatch usual = {1}, Seq net = {})
        : operators_(prepare(ctx, parameters, usual.count, net, std::index_sequence_for<Layers...>{})) {}

    /// For batches up to the largest, and ctx's scratch for them: nothing allocates afterwards.
    InferenceWorkspace workspace(Backend& ctx, MaxBatch largest) const {
        InferenceWorkspace made(ctx, largest.count);
        detail::reserve_up_to(ctx, largest.count, [&](Index count) {
            Index most = 0;
            static_for<Seq::length>(
                [&](auto i) { most = std::max(most, get<i>(operators_).scratch_bytes(ctx, count)); });
            return most;
        });
        return made;
    }

    /// net(x); the view lives until the workspace's next use. Throws ArgumentError for a batch that the
    /// workspace is not made for.
    Batch<typename Seq::Output, T, Space> operator()(Backend& ctx, InferenceWorkspace& workspace,
                                                     Batch<In, const T, Space> x) const {
        return workspace.forward(ctx, operators_, x);
    }

  private:
    template <std::size_t... I>
    static auto prepare(Backend& ctx, const Parameters& parameters, Index usual, const Seq& net,
                        std::index_sequence<I...>) {
        check_figures(net);
        return Tuple<Prepared<typename Seq::template Operator<I>, T, Backend>...>{
            Prepared<typename Seq::template Operator<I>, T, Backend>(ctx, get<I>(net.operators),
                                                                     get<I>(parameters), usual)...};
    }

    decltype(prepare(std::declval<Backend&>(), {}, 1, std::declval<const Seq&>(),
                     std::index_sequence_for<Layers...>{})) operators_;
};

template <class Trunk, class Head, class Metric, class Backend, Activation T>
class Inference<Network<Trunk, Head, Metric>, Backend, T> {
    using OfTrunk = Inference<Trunk, Backend, T>;
    using OfHead = Inference<Head, Backend, T>;

  public:
    using Net = Network<Trunk, Head, Metric>;
    using Space = typename Backend::Space;
    using Number = Wide<T>;  // of the parameters
    using Outputs = NetworkOutputs<Net, T, Space>;
    struct InferenceWorkspace {
        typename OfTrunk::InferenceWorkspace trunk;
        typename OfHead::InferenceWorkspace head;
    };

    /// Takes what it needs of the parameters, which lie in the backend's memory. usual: the batch that it
    /// should be fastest for. Throws ArgumentError unless they are parameter_count<Net> elements, and for an
    /// operator of `net` with a figure that cannot be.
    Inference(Backend& ctx, std::span<const Number> parameters, MaxBatch usual = {1}, Net net = {})
        : Inference(ctx, detail::parameters_for_inference<Net, Space>(parameters), usual, net) {}

    /// For batches up to the largest, and ctx's scratch for them: nothing allocates afterwards.
    InferenceWorkspace workspace(Backend& ctx, MaxBatch largest) const {
        return {trunk_.workspace(ctx, largest), head_.workspace(ctx, largest)};
    }

    /// Embeddings and logits; the views live until the workspace's next use. Throws ArgumentError for a batch
    /// that the workspace is not made for.
    Outputs operator()(Backend& ctx, InferenceWorkspace& workspace,
                       Batch<typename Net::Input, const T, Space> x) const {
        const auto e = trunk_(ctx, workspace.trunk, x);
        return {e, head_(ctx, workspace.head, e)};
    }

  private:
    Inference(Backend& ctx, const ParameterTuple<Net, const Number, Space>& parameters, MaxBatch usual,
              const Net& net)
        : trunk_(ctx, part_of_tuple<0, Trunk::length>(parameters), usual, net.trunk),
          head_(ctx, part_of_tuple<Net::head_begin, Head::length>(parameters), usual, net.head) {}

    OfTrunk trunk_;
    OfHead head_;
};

}  // namespace daf
