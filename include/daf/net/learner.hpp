#pragma once
// A Network that learns: forward, joint objective (Eq 13), backward, optimizer, centres (Eq 12), in one step.
#include <cmath>
#include <daf/net/initialise.hpp>
#include <daf/net/model.hpp>
#include <daf/net/network.hpp>
#include <daf/net/workspace.hpp>
#include <daf/ops/class_centres.hpp>
#include <daf/ops/optimizer.hpp>
#include <daf/ops/reduction.hpp>

namespace daf {

/// L = lambda * L_metric + w * L_softmax, w = 1 [Eq 13].  L_softmax is the mean over the batch, L_metric the sum (or the
/// mean).  w = 0 leaves the metric loss alone: the head gets no gradient, and the nearest centre classifies.
struct JointObjective {
    double lambda = 0.007;
    Reduction metric_reduction = Reduction::sum;
    double centre_rate = 0.005;  // alpha of the centres' own update; lambda does not scale it
    double softmax_weight = 1;   // w
};

/// One training step's figures, of the batch before the update.
struct StepResult {
    double loss = 0;     // Eq 13
    double softmax = 0;  // its mean cross-entropy
    double metric = 0;   // its metric loss, reduced, without lambda
    Index active = 0;    // samples whose metric loss is not zero
    Index correct = 0;   // samples whose label has the largest logit; by w = 0, the nearest centre
    Index count = 0;
};

/// The index of the largest of `count` values; the first of equals.
template <class T>
Index largest_of(const T* values, Index count) {
    return std::max_element(values, values + count) - values;
}

/// Owns a Network's parameters, gradients, moments and workspaces on one backend. Once it has run a batch of the largest
/// size, its context's scratch has grown too, and nothing allocates any more.
/// The same bits come out whatever the number of threads. The context must outlive it.
template <class Net, class Backend, Real T = float>
class Learner {
  public:
    using Network = Net;
    using Element = T;
    using Space = typename Backend::Space;
    using Images = Batch<typename Net::Input, const T, Space>;
    using Embeddings = Batch<typename Net::Embedding, T, Space>;
    using LogitsBatch = Batch<typename Net::Logits, T, Space>;
    static_assert(
        std::is_same_v<Space, Host>,
        "daf: a Learner reads its losses in host memory, and has no Gpu yet: train a Model there, step by "
        "step (docs/gpu.md)");

    struct Outputs {
        Embeddings embeddings;
        LogitsBatch logits;
    };

    Learner(Backend& ctx, MaxBatch largest, Seed seed, Net net = {}, JointObjective objective = {},
            Optimizer optimizer = Adam{})
        : net_(net),
          objective_(objective),
          optimizer_(optimizer),
          ctx_(&ctx),
          seed_(seed),
          parameters_(ctx.allocate(parameter_count<Net> * element)),
          gradients_(ctx.allocate(gradient_count<Net> * element)),
          moments_(ctx.allocate(daf::moments(optimizer) * trained * element)),
          plan_(largest.count),
          memory_(ctx.allocate(plan_.bytes)),
          activations_(ctx.allocate(activation_bytes(largest.count))),
          trunk_(activations_.data(), largest.count),
          head_(activations_.data() + TrainingTrunk::bytes(largest.count), largest.count),
          trunk_eval_(activations_.data(), largest.count),
          head_eval_(activations_.data() + EvalTrunk::bytes(largest.count), largest.count) {
        initialise<Net>(parameters_.template as<T>(), seed);
        ctx.zero(moments_.template as<T>(), daf::moments(optimizer) * trained);
        bound_ = bind_all_parameters<Net, T, Space>(parameters_.template as<T>());
        bound_gradients_ = bind_all_gradients<Net, T, Space>(gradients_.template as<T>());
    }

    /// One step of training on a batch of at most the largest size. first_sample: the position of its first image among
    /// all that this step number draws random numbers for.
    /// Throws ArgumentError for an impossible batch or label, and then has changed nothing.
    StepResult step(Images x, Labels<Space> labels, std::uint32_t first_sample = 0) {
        Backend& ctx = *ctx_;
        const Index count = x.count();
        trunk_.check(count);
        detail::check_side<Softmax>(SideInput<Space>(labels), count, true);
        ctx.zero(gradients_.template as<T>(), gradient_count<Net>);
        const Draw trunk_draw{seed_, &draws_, 0, first_sample};
        const Draw head_draw{seed_, &draws_, static_cast<std::uint32_t>(Net::head_begin), first_sample};
        const auto trunk_parameters = part_of_tuple<0, Net::Trunk::length>(bound_);
        const auto head_parameters = part_of_tuple<Net::head_begin, Net::Head::length>(bound_);
        const auto metric_parameters = std::get<Net::metric_at>(bound_);
        const auto metric_gradients = std::get<Net::metric_at>(bound_gradients_);

        const Embeddings e = trunk_.forward(ctx, net_.trunk, trunk_parameters, x, trunk_draw);
        const LogitsBatch logits = head_.forward(ctx, net_.head, head_parameters, e, head_draw);

        // The losses, while e and the logits are there: on their way back gradients take the activations' place.
        const auto losses = losses_of(count), weights = weights_of(count);
        const LogitsBatch dlogits{memory_.template as<T>(plan_.dlogits), count};
        const Embeddings de{memory_.template as<T>(plan_.de), count};
        const auto softmax_saved =
            bind_saved<Softmax, T, Space>(memory_.template as<std::byte>(plan_.softmax_saved), count);
        forward<train>(ctx, Softmax{}, logits, losses, Nothing{}, softmax_saved, labels);
        StepResult result;
        result.count = count;
        result.softmax = reduce(ctx, Reduction::mean, losses);
        const auto metric_saved =
            bind_saved<Metric, T, Space>(memory_.template as<std::byte>(plan_.metric_saved), count);
        forward<train>(ctx, net_.metric, e, losses, metric_parameters, metric_saved, labels);
        result.metric = reduce(ctx, objective_.metric_reduction, losses);
        result.loss = objective_.lambda * result.metric + objective_.softmax_weight * result.softmax;
        for (Index i = 0; i < count; ++i) {
            result.active += losses[i][0] > T(0);
            result.correct += class_of(e[i].data(), logits[i].data()) == labels[i][0];
        }
        not_finite_ = std::isfinite(result.loss) ? metric_place : first_output_not_finite();

        // Softmax, back through the head to de.
        fill_weights(ctx, Reduction::mean, weights, objective_.softmax_weight);
        backward(ctx, Softmax{}, logits, losses, weights, overwrite(dlogits), Nothing{}, Nothing{},
                 softmax_saved, labels);
        head_.backward(ctx, net_.head, head_parameters,
                       part_of_tuple<Net::head_begin, Net::Head::length>(bound_gradients_), e, dlogits,
                       overwrite(de), head_draw);

        // The metric loss adds its gradient where the embedding leaves the trunk: the head never sees it.
        fill_weights(ctx, objective_.metric_reduction, weights, objective_.lambda);
        backward(ctx, net_.metric, e, losses, weights, accumulate(de), metric_parameters, metric_gradients,
                 metric_saved, labels);
        trunk_.backward(ctx, net_.trunk, trunk_parameters,
                        part_of_tuple<0, Net::Trunk::length>(bound_gradients_), x, de, skip, trunk_draw);
        ++updates_;
        update(ctx, optimizer_, update_call());
        if (net_.metric.centre_update == CentreUpdate::equation_12) {
            update_centres(ctx, net_.metric, metric_parameters, metric_gradients, objective_.centre_rate);
        }
        ++draws_;
        return result;
    }

    /// Embeddings and logits as the network is used: running statistics, no dropout. The views live until the next
    /// call.
    Outputs evaluate(Images x) { return evaluate(x, NoObserver{}); }
    /// The same; observe(i, op, input, output) sees every operator of the trunk as it has run.
    template <class Observer>
    Outputs evaluate(Images x, Observer&& observe) {
        const Embeddings e = trunk_eval_.forward(
            *ctx_, net_.trunk, part_of_tuple<0, Net::Trunk::length>(bound_), x, Draw{}, observe);
        return {e, head_eval_.forward(*ctx_, net_.head,
                                      part_of_tuple<Net::head_begin, Net::Head::length>(bound_), e)};
    }

    /// After a step(x, ...) whose loss was not finite: which operator, as operator_names<Net>() counts them, first put
    /// out a number that is not finite. -1 if x holds one already; the metric loss's place if every output is finite.
    Index first_not_finite(Images x) const requires(std::is_same_v<Space, Host>) {
        return all_finite(x) ? not_finite_ : -1;
    }
    /// The same of evaluate(x), which it runs.
    Index first_not_finite_evaluating(Images x) requires(std::is_same_v<Space, Host>) {
        if (!all_finite(x)) return -1;
        Index found = metric_place;
        const auto look = [&](Index at, const auto& y) {
            if (!all_finite(y)) found = std::min(found, at);
        };
        const Embeddings e = evaluate(x, [&](auto i, const auto&, const auto&, const auto& y) {
                                 look(Index{i}, y);
                             }).embeddings;
        head_eval_.forward(*ctx_, net_.head, part_of_tuple<Net::head_begin, Net::Head::length>(bound_), e,
                           Draw{}, [&](auto i, const auto&, const auto&, const auto& y) {
                               look(static_cast<Index>(Net::head_begin + i), y);
                           });
        return found;
    }

    // What a checkpoint holds. The slabs lie in the backend's memory.
    std::span<T> parameters() { return {parameters_.template as<T>(), parameter_count<Net>}; }
    std::span<const T> parameters() const {
        return {parameters_.template as<const T>(), parameter_count<Net>};
    }
    /// Gradients of the last step.
    std::span<const T> gradients() const { return {gradients_.template as<const T>(), gradient_count<Net>}; }
    std::span<T> moment(Index which) {
        return {moments_.template as<T>() + which * trained, static_cast<std::size_t>(trained)};
    }
    /// Updates that the moments have seen, and steps that random numbers have been drawn for: a reload of an earlier
    /// model takes the first back with the moments, never the second.
    std::uint32_t& updates() { return updates_; }
    std::uint32_t& draws() { return draws_; }
    const Optimizer& optimizer() const { return optimizer_; }
    void set_learning_rate(double rate) { daf::set_learning_rate(optimizer_, rate); }
    const JointObjective& objective() const { return objective_; }
    const Net& net() const { return net_; }
    Seed seed() const { return seed_; }
    /// The views of operator I's parameters, as Net::Operators counts them.
    template <std::size_t I>
    auto parameters_of() const {
        return std::get<I>(bound_);
    }
    /// The centres of the metric loss, (classes, embedding).
    auto centres() const { return std::get<Net::metric_at>(bound_).centres; }

    /// Bytes that a Learner for batches up to `largest` allocates, its context's scratch left out.
    static Index bytes(Index largest, const Optimizer& optimizer) {
        return (parameter_count<Net> + gradient_count<Net> + daf::moments(optimizer) * trained) * element +
               Plan(largest).bytes + activation_bytes(largest);
    }

  private:
    using Softmax = typename Net::Softmax;
    using Metric = typename Net::Metric;
    using TrainingTrunk = Workspace<typename Net::Trunk, T, Backend, Mode::train>;
    using TrainingHead = Workspace<typename Net::Head, T, Backend, Mode::train>;
    using EvalTrunk = Workspace<typename Net::Trunk, T, Backend, Mode::eval>;
    using EvalHead = Workspace<typename Net::Head, T, Backend, Mode::eval>;
    static constexpr Index element = sizeof(T);
    static constexpr Index trained = parameter_segments<Net>.trained();
    static constexpr auto metric_place = static_cast<Index>(Net::metric_at);

    /// A step and an evaluation never run at the same time, and neither needs what the other leaves.
    static constexpr Index activation_bytes(Index largest) {
        return std::max(TrainingTrunk::bytes(largest) + TrainingHead::bytes(largest),
                        EvalTrunk::bytes(largest) + EvalHead::bytes(largest));
    }
    using PerSample = Batch<Shape<1>, T, Space>;

    /// The objective's own tensors, in bytes from the start.
    struct Plan {
        Index losses, weights, dlogits, de, softmax_saved, metric_saved;
        Index bytes = 0;
        explicit Plan(Index count) {
            const auto place = [&](Index size) { return std::exchange(bytes, bytes + align_up(size)); };
            losses = place(count * element);
            weights = place(count * element);
            dlogits = place(count * Net::Logits::size * element);
            de = place(count * Net::Embedding::size * element);
            softmax_saved = place(saved_bytes<Softmax, T>(count));
            metric_saved = place(saved_bytes<Metric, T>(count));
        }
    };

    template <class S, class E>
    static bool all_finite(const Batch<S, E, Space>& batch) {
        return std::all_of(batch.data(), batch.data() + batch.size(), [](T v) { return std::isfinite(v); });
    }

    /// Between a training pass forward and the one back.
    Index first_output_not_finite() const {
        Index found = metric_place;
        const auto look = [&](std::size_t at, const auto& y) {
            if (!all_finite(y)) found = std::min(found, static_cast<Index>(at));
        };
        trunk_.each_output(*ctx_, part_of_tuple<0, Net::Trunk::length>(bound_), look);
        head_.each_output(*ctx_, part_of_tuple<Net::head_begin, Net::Head::length>(bound_),
                          [&](std::size_t i, const auto& y) { look(Net::head_begin + i, y); });
        return found;
    }

    /// What the objective makes the network a classifier by: its logits, or its centres where no softmax trains those.
    Index class_of(const T* e, const T* logits) const {
        if (objective_.softmax_weight != 0) return largest_of(logits, Net::classes);
        return largest_of(closeness(e, centres()).data(), Net::classes);
    }

    PerSample losses_of(Index count) const { return {memory_.template as<T>(plan_.losses), count}; }
    PerSample weights_of(Index count) const { return {memory_.template as<T>(plan_.weights), count}; }

    UpdateCall<T> update_call() const {
        T* moments = moments_.template as<T>();
        return {parameters_.template as<T>(),
                gradients_.template as<const T>(),
                moments,
                daf::moments(optimizer_) > 1 ? moments + trained : nullptr,
                parameter_segments<Net>.decayed,
                parameter_segments<Net>.undecayed,
                updates_};
    }

    Net net_;
    JointObjective objective_;
    Optimizer optimizer_;
    Backend* ctx_;
    Seed seed_;
    std::uint32_t updates_ = 0;
    std::uint32_t draws_ = 0;
    Index not_finite_ = metric_place;  // what first_not_finite says of the last step's outputs
    typename Backend::Memory parameters_, gradients_, moments_;
    Plan plan_;
    typename Backend::Memory memory_;
    typename Backend::Memory activations_;
    ParameterTuple<Net, T, Space> bound_;
    GradientTuple<Net, T, Space> bound_gradients_;
    TrainingTrunk trunk_;
    TrainingHead head_;
    EvalTrunk trunk_eval_;
    EvalHead head_eval_;
};

}  // namespace daf
