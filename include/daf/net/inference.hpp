#pragma once
// A trained Sequence or Network in the form in which it is fastest to use. Threads share it.
#include <array>
#include <daf/core/prepared.hpp>
#include <daf/net/network.hpp>
#include <daf/net/workspace.hpp>
#include <span>
#include <type_traits>

namespace daf {

namespace detail {
/// The operators of a Sequence in steps: most by themselves, some with the one behind them, which their
/// kernel takes along.
template <class Seq, class T, class Backend>
class InferenceSteps {
    template <std::size_t I>
    using Op = typename Seq::template Operator<I>;
    template <std::size_t I>
    static constexpr bool takes_next() {
        if constexpr (I + 1 < Seq::length) {
            return prepared_as_one<Op<I>, Op<I + 1>, T, Backend>;
        } else {
            return false;
        }
    }

  public:
    std::size_t count = 0;
    std::array<std::size_t, Seq::length> first{};  // operator of each step

    constexpr InferenceSteps() {
        bool taken = false;
        static_for<Seq::length>([&](auto i) {
            if (!taken) first[count++] = i;
            taken = !taken && takes_next<i>();
        });
    }

    /// The step that begins with operator I, as a type_identity: clang 14 would not let an alias for the type
    /// itself be used where takes_next is private.
    template <std::size_t I>
    static constexpr auto from() {
        if constexpr (takes_next<I>()) {
            return std::type_identity<Prepared<Op<I>, T, Backend, Op<I + 1>>>{};
        } else {
            return std::type_identity<Prepared<Op<I>, T, Backend>>{};
        }
    }
};

/// A copy of a slab in a context's memory.
template <class Backend, class T>
class UploadedSlab {
  public:
    UploadedSlab(Backend& ctx, std::span<const T> from)
        : memory_(ctx.allocate(static_cast<Index>(from.size_bytes()))), size_(from.size()) {
        ctx.copy_in(memory_.template as<T>(), from.data(), static_cast<Index>(size_));
    }
    Slab<const T, typename Backend::Space> slab() const { return {memory_.template as<const T>(), size_}; }

  private:
    typename Backend::Memory memory_;
    std::size_t size_;
};

/// A slab as the parameters of Net, which must be as many as it has.
template <class Net, class T, class Space>
ParameterTuple<Net, const T, Space> parameters_for_inference(Slab<const T, Space> slab) {
    check_count("Inference: parameters", parameter_count<Net>, slab.size());
    return bind_all_parameters<Net, const T, Space>(slab.data());
}
}  // namespace detail

/// An immutable snapshot of a Sequence or a Network, its parameters in the form in which the kernels read
/// them fastest (on the CPU: normalisation folded into the convolutions, weights transformed). Any number of
/// threads may call it at once, each with a context (on the GPU that it was made on) and a workspace of its
/// own:
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

template <AnySequence Seq, class Backend, Activation T>
class Inference<Seq, Backend, T> {
    static constexpr auto checked = sizeof(check_activations<Backend, T>);
    using In = typename Seq::Input;

  public:
    using Space = typename Backend::Space;
    using Number = Wide<T>;  // of the parameters
    using Parameters = ParameterTuple<Seq, const Number, Space>;
    using InferenceWorkspace = Workspace<Seq, T, Backend, Mode::eval>;

    /// Takes what it needs of the parameters, which lie in the backend's memory. usual: the batch that it
    /// should be fastest for. Throws ArgumentError unless they are parameter_count<Seq> elements, and for an
    /// operator of `net` with a figure that cannot be.
    Inference(Backend& ctx, Slab<const Number, Space> parameters, UsualBatch usual = {}, Seq net = {})
        : Inference(ctx, detail::parameters_for_inference<Seq, Number, Space>(parameters), usual, net) {}
    /// Takes them from host memory.
    Inference(Backend& ctx, std::span<const Number> parameters, UsualBatch usual = {},
              Seq net = {}) requires(!std::is_same_v<Space, Host>)
        : Inference(ctx, detail::UploadedSlab<Backend, Number>(ctx, parameters).slab(), usual, net) {}
    /// Of bound parameters: a part of a larger network's.
    Inference(Backend& ctx, const Parameters& parameters, UsualBatch usual = {}, Seq net = {})
        : steps_(prepare(ctx, parameters, usual.count, net, std::make_index_sequence<steps.count>{})) {
        ctx.wait();  // other threads' contexts need not
    }

    /// Bytes of ctx's memory that one keeps, made for that usual batch. A workspace takes
    /// InferenceWorkspace::bytes(largest) more.
    static Index bytes(const Backend& ctx, UsualBatch usual = {}) {
        Index sum = 0;
        static_for<steps.count>([&](auto i) { sum += Step<i>::bytes(ctx, usual.count); });
        return sum;
    }
    /// What batches of `count` take of a GPU's scratch. In host memory workspace() reserves it.
    static Index scratch_bytes(const Backend& ctx, Index count) requires(!std::is_same_v<Space, Host>) {
        Index most = 0;
        static_for<steps.count>(
            [&](auto i) { most = std::max(most, Step<i>::planned_scratch_bytes(ctx, count)); });
        return most;
    }

    /// For batches up to the largest; in host memory also ctx's scratch for them, so that nothing allocates
    /// afterwards. On a GPU scratch and plans come with the first batch of each size.
    InferenceWorkspace workspace(Backend& ctx, MaxBatch largest) const {
        InferenceWorkspace made(ctx, largest.count);
        detail::reserve_up_to(ctx, largest.count, [&](Index count) {
            Index most = 0;
            static_for<steps.count>(
                [&](auto i) { most = std::max(most, get<i>(steps_).scratch_bytes(ctx, count)); });
            return most;
        });
        return made;
    }

    /// net(x); the view lives until the workspace's next use. Throws ArgumentError for a batch that the
    /// workspace is not made for.
    Batch<typename Seq::Output, T, Space> operator()(Backend& ctx, InferenceWorkspace& workspace,
                                                     Batch<In, const T, Space> x) const {
        return workspace.forward(ctx, steps_, x);
    }
    // What does not fit is named.
    template <detail::Misfit<Batch<In, const T, Space>> X>
    Batch<typename Seq::Output, T, Space> operator()(Backend&, InferenceWorkspace&, const X&) const {
        return detail::misfit<Batch<typename Seq::Output, T, Space>, X, Batch<In, const T, Space>>();
    }

  private:
    using Steps = detail::InferenceSteps<Seq, T, Backend>;
    static constexpr Steps steps{};
    template <std::size_t I>
    using Step = typename decltype(Steps::template from<steps.first[I]>())::type;

    template <std::size_t... I>
    static auto prepare(Backend& ctx, const Parameters& parameters, Index usual, const Seq& net,
                        std::index_sequence<I...>) {
        check_figures(net);
        return Tuple<Step<I>...>{
            Step<I>(ctx, get<steps.first[I]>(net.operators), get<steps.first[I]>(parameters), usual)...};
    }

    decltype(prepare(std::declval<Backend&>(), {}, 1, std::declval<const Seq&>(),
                     std::make_index_sequence<steps.count>{})) steps_;
};

template <AnyNetwork Net, class Backend, Activation T>
class Inference<Net, Backend, T> {
    using Trunk = typename Net::Trunk;
    using Head = typename Net::Head;
    using OfTrunk = Inference<Trunk, Backend, T>;
    using OfHead = Inference<Head, Backend, T>;

  public:
    using Space = typename Backend::Space;
    using Number = Wide<T>;  // of the parameters
    using Outputs = NetworkOutputs<Net, T, Space>;
    struct InferenceWorkspace {
        typename OfTrunk::InferenceWorkspace trunk;
        typename OfHead::InferenceWorkspace head;

        static constexpr Index bytes(Index largest) {
            return OfTrunk::InferenceWorkspace::bytes(largest) + OfHead::InferenceWorkspace::bytes(largest);
        }
    };

    /// Takes what it needs of the parameters, which lie in the backend's memory. usual: the batch that it
    /// should be fastest for. Throws ArgumentError unless they are parameter_count<Net> elements, and for an
    /// operator of `net` with a figure that cannot be.
    Inference(Backend& ctx, Slab<const Number, Space> parameters, UsualBatch usual = {}, Net net = {})
        : Inference(ctx, detail::parameters_for_inference<Net, Number, Space>(parameters), usual, net) {}
    /// Takes them from host memory.
    Inference(Backend& ctx, std::span<const Number> parameters, UsualBatch usual = {},
              Net net = {}) requires(!std::is_same_v<Space, Host>)
        : Inference(ctx, detail::UploadedSlab<Backend, Number>(ctx, parameters).slab(), usual, net) {}

    /// Bytes of ctx's memory that one keeps, made for that usual batch. A workspace takes
    /// InferenceWorkspace::bytes(largest) more.
    static Index bytes(const Backend& ctx, UsualBatch usual = {}) {
        return OfTrunk::bytes(ctx, usual) + OfHead::bytes(ctx, usual);
    }
    /// What batches of `count` take of a GPU's scratch. In host memory workspace() reserves it.
    static Index scratch_bytes(const Backend& ctx, Index count) requires(!std::is_same_v<Space, Host>) {
        return std::max(OfTrunk::scratch_bytes(ctx, count), OfHead::scratch_bytes(ctx, count));
    }

    /// For batches up to the largest; in host memory also ctx's scratch for them, so that nothing allocates
    /// afterwards. On a GPU scratch and plans come with the first batch of each size.
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
    // What does not fit is named.
    template <detail::Misfit<Batch<typename Net::Input, const T, Space>> X>
    Outputs operator()(Backend&, InferenceWorkspace&, const X&) const {
        return detail::misfit<Outputs, X, Batch<typename Net::Input, const T, Space>>();
    }

  private:
    Inference(Backend& ctx, const ParameterTuple<Net, const Number, Space>& parameters, UsualBatch usual,
              const Net& net)
        : trunk_(ctx, part_of_tuple<0, Trunk::length>(parameters), usual, net.trunk),
          head_(ctx, part_of_tuple<Net::head_begin, Head::length>(parameters), usual, net.head) {}

    OfTrunk trunk_;
    OfHead head_;
};

}  // namespace daf
