#pragma once
// What moves a Model's parameters, where the loss is the caller's own.
#include <cmath>
#include <daf/net/model.hpp>
#include <daf/net/moments.hpp>

namespace daf {

/// An optimizer over the parameters of a Model:
///
///   daf::Descent descent(model, daf::Adam{.learning_rate = 1e-3});
///   const auto y = model.forward_train(x);     dy is the gradient of a loss of yours by y
///   model.backward(x, dy);
///   descent.step(loss);
///
/// It is saved and restored as a Learner is, the model's parameters with it (save_checkpoint,
/// load_checkpoint), between steps: gradients are not in the file. The model must outlive it. The bits do not
/// depend on the number of threads.
template <AnySequence Seq, class Backend, Activation T = float>
class Descent {
  public:
    using Network = Seq;
    using Number = Wide<T>;
    using Space = typename Backend::Space;
    static constexpr bool in_host_memory = Model<Seq, Backend, T>::in_host_memory;

    /// Allocates the moments, which are zeros. Throws ArgumentError for a figure that cannot be.
    explicit Descent(Model<Seq, Backend, T>& model, Optimizer optimizer = Adam{})
        : model_(&model), optimizer_(optimizer), moments_(model.context(), optimizer, segments.trained()) {
        check_figures(optimizer_);
    }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;

    /// Moves the parameters by the gradients that backward has added up since the last step; then the model
    /// begins anew. Gradients that are not finite spoil the parameters, whatever the loss is.
    void step() {
        UpdateCall<Number> call{.parameters = model_->parameters().data(),
                                .gradients = model_->gradients().data(),
                                .decayed = segments.decayed,
                                .undecayed = segments.undecayed,
                                .step = updates_ + 1};
        moments_.bind(call);
        update(model_->context(), optimizer_, call);
        ++updates_;
        model_->begin_anew();
    }
    /// The same, unless that loss is not finite: then the gradients are dropped and nothing else changes,
    /// though running figures have moved with forward_train. Whether the parameters moved.
    bool step(double loss) {
        const bool moves = std::isfinite(loss);
        if (moves) {
            step();
        } else {
            begin_anew();
        }
        return moves;
    }

    const Optimizer& optimizer() const { return optimizer_; }
    /// Throws ArgumentError for a rate that cannot be.
    void set_learning_rate(double rate) { daf::set_learning_rate(optimizer_, rate); }

    // What a checkpoint holds, as a Learner names it. The slabs lie in the backend's memory.
    Slab<Number, Space> parameters() { return model_->parameters(); }
    Slab<const Number, Space> parameters() const { return std::as_const(*model_).parameters(); }
    /// The optimizer's first (0) or second (1) moment of all trained parameters, in their order. Throws
    /// ArgumentError for one that the optimizer does not have.
    Slab<Number, Space> moment(Index which) { return moments_.at(which, "Descent"); }
    Slab<const Number, Space> moment(Index which) const { return moments_.at(which, "Descent"); }
    /// Steps, and the model's draws: whoever goes back to an earlier file and wants other masks than before
    /// sets these to what they were.
    std::uint32_t& updates() { return updates_; }
    std::uint32_t& draws() { return model_->draws(); }
    std::uint32_t updates() const { return updates_; }
    std::uint32_t draws() const { return model_->draws(); }
    /// Batches that have moved running figures.
    std::uint32_t batches_seen() const { return draws(); }
    Seed seed() const { return model_->seed(); }
    Backend& context() const { return model_->context(); }
    /// Of the model, which a load does too.
    void begin_anew() { model_->begin_anew(); }

  private:
    static constexpr SegmentSizes segments = parameter_segments<Seq>;

    Model<Seq, Backend, T>* model_;
    Optimizer optimizer_;
    Moments<Number, Backend> moments_;
    std::uint32_t updates_ = 0;
};

}  // namespace daf
