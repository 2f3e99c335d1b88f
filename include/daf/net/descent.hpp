#pragma once
// What moves a Model's parameters, where the loss is the caller's own.
#include <daf/net/model.hpp>
#include <daf/net/moments.hpp>

namespace daf {

/// An optimizer over the parameters of a Model:
///
///   daf::Descent descent(model, daf::Adam{.learning_rate = 1e-3});
///   const auto y = model.forward_train(x);     dy is the gradient of a loss of yours by y
///   model.backward(x, dy);
///   descent.step();
///
/// It is saved and restored as a Learner is, the model's parameters with it (save_checkpoint,
/// load_checkpoint). The model must outlive it. The bits do not depend on the number of threads.
template <class M>
class Descent {
  public:
    using Network = typename M::Network;
    using Number = typename M::Number;
    using Space = typename M::Space;
    static constexpr bool in_host_memory = M::in_host_memory;

    /// Allocates the moments, which are zeros. Throws ArgumentError for a figure that cannot be.
    explicit Descent(M& model, Optimizer optimizer = Adam{})
        : model_(&model), optimizer_(optimizer), moments_(model.context(), optimizer, segments.trained()) {
        check_figures(optimizer_);
    }

    /// Moves the parameters by the gradients that backward has added up since the last step, and sets those
    /// to zero. Gradients that are not finite spoil the parameters: look at the loss first.
    void step() {
        ++updates_;
        UpdateCall<Number> call{.parameters = model_->parameters().data(),
                                .gradients = model_->gradients().data(),
                                .decayed = segments.decayed,
                                .undecayed = segments.undecayed,
                                .step = updates_};
        moments_.bind(call);
        update(model_->context(), optimizer_, call);
        model_->zero_gradients();
    }

    const Optimizer& optimizer() const { return optimizer_; }
    /// Throws ArgumentError for a rate that cannot be.
    void set_learning_rate(double rate) { daf::set_learning_rate(optimizer_, rate); }

    // What a checkpoint holds, as a Learner names it. The slabs lie in the backend's memory.
    Slab<Number, Space> parameters() { return model_->parameters(); }
    Slab<const Number, Space> parameters() const { return model_->parameters(); }
    /// The optimizer's first (0) or second (1) moment of all trained parameters, in their order. Throws
    /// ArgumentError for one that the optimizer does not have.
    Slab<Number, Space> moment(Index which) { return moments_.at(which, "Descent"); }
    Slab<const Number, Space> moment(Index which) const { return moments_.at(which, "Descent"); }
    /// Steps, and the model's draws.
    std::uint32_t& updates() { return updates_; }
    std::uint32_t& draws() { return model_->draws(); }
    std::uint32_t updates() const { return updates_; }
    std::uint32_t draws() const { return model_->draws(); }
    Seed seed() const { return model_->seed(); }
    decltype(auto) context() const { return model_->context(); }

  private:
    static constexpr SegmentSizes segments = parameter_segments<Network>;

    M* model_;
    Optimizer optimizer_;
    Moments<Number, std::remove_reference_t<decltype(std::declval<M&>().context())>> moments_;
    std::uint32_t updates_ = 0;
};

}  // namespace daf
