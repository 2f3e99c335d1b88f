#pragma once
// The owner of one Sequence, for those who want no bookkeeping.
#include <daf/net/initialise.hpp>
#include <daf/net/workspace.hpp>
#include <memory>
#include <span>

namespace daf {

/// A Sequence with its parameters, gradients and workspaces on one backend. Activations are of T, parameters
/// and gradients of Wide<T>. The loss is the caller's, and a Descent moves the parameters; a Learner, of a
/// Network, has both. A view that it returns lives until the next call. The context must outlive the model.
/// Every pass throws ArgumentError for a batch that is empty or beyond the largest, and then has changed
/// nothing. The bits do not depend on the number of threads.
template <AnySequence Seq, class Backend, Activation T = float>
class Model {
  public:
    using Network = Seq;
    using Space = typename Backend::Space;
    using Number = Wide<T>;
    static constexpr bool in_host_memory = std::is_same_v<Space, Host>;
    using Input = Batch<typename Seq::Input, T, Space>;
    using ConstInput = Batch<typename Seq::Input, const T, Space>;
    using Output = Batch<typename Seq::Output, T, Space>;
    using ConstOutput = Batch<typename Seq::Output, const T, Space>;

    /// Allocates parameters and gradients, and draws the first parameters from the seed. A workspace is made
    /// when it is first needed. Throws ArgumentError for an operator of `net` with a figure that cannot be.
    Model(Backend& ctx, MaxBatch largest, Seed seed, Seq net = {})
        : net_(std::move(net)),
          ctx_(&ctx),
          seed_(seed),
          largest_(largest.count),
          parameters_(ctx.allocate(parameter_count<Seq> * element)),
          gradients_(ctx.allocate(gradient_count<Seq> * element)) {
        check_figures(net_);
        initialise<Seq>(ctx, parameters_.template as<Number>(), seed);
        bound_parameters_ = bind_all_parameters<Seq, Number, Space>(parameters_.template as<Number>());
        bound_gradients_ = bind_all_gradients<Seq, Number, Space>(gradients_.template as<Number>());
        zero_gradients();
    }
    /// It stays where it is: others point at it. Another one of the same parameters: copy parameters().
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    /// net(x) as it is used: running statistics, no dropout. Nothing is kept for backward.
    Output forward(ConstInput x) { return workspace(evaluating_).forward(*ctx_, net_, bound_parameters_, x); }

    /// net(x) in training: batch statistics, dropout; what backward needs is kept, the output too where the
    /// last operator's backward pass reads it: so it is not to be written to. Every call draws anew.
    ConstOutput forward_train(ConstInput x) {
        auto& training = workspace(training_);
        training.check(x);
        ++draws_;
        return training.forward(*ctx_, net_, bound_parameters_, x, draw());
    }

    /// After forward_train(x), once, since it uses up what that kept: adds to the gradients of the
    /// parameters. Throws ArgumentError where there is nothing kept, or of another batch, and for a dy or dx
    /// of another batch.
    void backward(ConstInput x, ConstOutput dy) {
        workspace(training_).backward(*ctx_, net_, bound_parameters_, bound_gradients_, x, dy, skip, draw());
    }
    /// The same, and writes the gradient by x.
    void backward(ConstInput x, ConstOutput dy, GradientInto<Input> dx) {
        workspace(training_).backward(*ctx_, net_, bound_parameters_, bound_gradients_, x, dy, dx, draw());
    }

    // What does not fit is named.
    template <detail::Misfit<ConstInput> X>
    Output forward(const X&) {
        return detail::misfit<Output, X, ConstInput>();
    }
    template <detail::Misfit<ConstInput> X>
    ConstOutput forward_train(const X&) {
        return detail::misfit<ConstOutput, X, ConstInput>();
    }
    template <class X, class DY>
    void backward(const X&,
                  const DY&) requires(detail::Misfit<X, ConstInput> || detail::Misfit<DY, ConstOutput>) {
        if constexpr (detail::Misfit<X, ConstInput>) {
            detail::misfit<Output, X, ConstInput>();
        } else {
            detail::check_argument<arg::dy, typename Seq::Output, T, Space, DY>();
        }
    }

    void zero_gradients() { ctx_->zero(gradients_.template as<Number>(), gradient_count<Seq>); }
    /// Gradients are zero, and a pass that forward_train has begun can no longer be gone back: what follows
    /// once the parameters have changed.
    void begin_anew() {
        zero_gradients();
        if (training_ != nullptr) training_->forget();
    }

    /// All parameters: [decayed | undecayed | state]. In the backend's memory.
    Slab<Number, Space> parameters() { return {parameters_.template as<Number>(), parameter_count<Seq>}; }
    Slab<const Number, Space> parameters() const {
        return {parameters_.template as<const Number>(), parameter_count<Seq>};
    }
    Slab<Number, Space> gradients() { return {gradients_.template as<Number>(), gradient_count<Seq>}; }
    Slab<const Number, Space> gradients() const {
        return {gradients_.template as<const Number>(), gradient_count<Seq>};
    }
    /// The views of operator I's parameters; of a const Model, read-only ones.
    template <std::size_t I>
    auto parameters_of() {
        return get<I>(bound_parameters_);
    }
    template <std::size_t I>
    auto parameters_of() const {
        return read_only<TypeAt<I, typename Seq::Operators>, Number, Space>(get<I>(bound_parameters_));
    }
    template <std::size_t I>
    auto gradients_of() {
        return get<I>(bound_gradients_);
    }

    /// Where dropout's random numbers stand: the calls of forward_train. Not to be changed between one and
    /// its backward.
    std::uint32_t& draws() { return draws_; }
    std::uint32_t draws() const { return draws_; }
    Seed seed() const { return seed_; }
    const Seq& net() const { return net_; }
    Backend& context() const { return *ctx_; }

    /// Bytes that one for batches up to `largest` allocates once it trains, its context's scratch left out;
    /// the first forward() takes Workspace<Seq, T, Backend, eval>::bytes(largest) more.
    static constexpr Index bytes(Index largest) {
        return (parameter_count<Seq> + gradient_count<Seq>)*element + Training::bytes(largest);
    }
    /// What training takes of ctx's scratch; on a GPU for the largest, though a smaller one may take more.
    static Index scratch_bytes(const Backend& ctx, Index largest) {
        return detail::scratch_up_to<Backend>(
            largest, [&](Index count) { return Training::scratch_bytes(ctx, count); });
    }

  private:
    using Training = Workspace<Seq, T, Backend, Mode::train>;
    static constexpr auto checked = sizeof(check_activations<Backend, T>);
    static constexpr Index element = sizeof(Number);

    Draw draw() const { return {seed_, &draws_, 0, 0}; }
    /// Made on first use, and with it scratch: a model that is only evaluated never pays for training's
    /// activations.
    template <class W>
    W& workspace(std::unique_ptr<W>& made) {
        if (made == nullptr) {
            made = std::make_unique<W>(*ctx_, largest_);
            detail::reserve_up_to(*ctx_, largest_, [&](Index n) { return W::scratch_bytes(*ctx_, n); });
        }
        return *made;
    }

    Seq net_;
    Backend* ctx_;
    Seed seed_;
    std::uint32_t draws_ = 0;
    Index largest_;
    typename Backend::Memory parameters_, gradients_;
    ParameterTuple<Seq, Number, Space> bound_parameters_;
    GradientTuple<Seq, Number, Space> bound_gradients_;
    std::unique_ptr<Training> training_;
    std::unique_ptr<Workspace<Seq, T, Backend, Mode::eval>> evaluating_;
};

}  // namespace daf
