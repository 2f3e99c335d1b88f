#pragma once
// A Network that learns: forward, joint objective (Eq 13), backward, optimizer, centres (Eq 12), in one step.
#include <daf/core/step_queue.hpp>
#include <daf/net/evaluator.hpp>
#include <daf/net/initialise.hpp>
#include <daf/net/moments.hpp>
#include <daf/net/not_finite.hpp>
#include <daf/net/objective.hpp>

namespace daf {

/// An Evaluator that learns: it owns gradients, moments and the memory of training too, on one backend;
/// activations are of T. On host memory nothing allocates once it is made; a GPU's scratch grows with the
/// first step of a batch size. The same bits come out whatever the number of threads. The context must
/// outlive it.
///
/// One step at a time, or the next one's input on its way while a step runs; the figures are the same:
///   learner.step(x, labels)                                the figures of this step
///   learner.queue_step(x, labels); learner.queue_step(...); learner.finish_step();      those of the oldest
/// Images and labels may lie in host memory or in the backend's. Those in host memory may be reused when the
/// call returns, those in the backend's when the step is finished.
template <AnyNetwork Net, class Backend, Activation T = float>
class Learner : public Evaluator<Net, Backend, T> {
    using Evaluating = Evaluator<Net, Backend, T>;
    using Evaluating::ctx_, Evaluating::net_, Evaluating::bound_;

  public:
    using Evaluating::centres, Evaluating::in_host_memory;
    using typename Evaluating::Embeddings, typename Evaluating::Images, typename Evaluating::LogitsBatch,
        typename Evaluating::Number, typename Evaluating::Space;
    using HostImages = Batch<typename Net::Input, const T, Host>;

    /// Allocates all that training takes, draws the first parameters from the seed (initialise), and sets the
    /// moments to zero. `net` holds what its operators leave to the run: a margin, a dropout's rate. Throws
    /// ArgumentError for one that cannot be, and for a network without a loss with centres that is not to
    /// learn from softmax.
    Learner(Backend& ctx, MaxBatch largest, Seed seed, Net net = {}, JointObjective objective = {},
            Optimizer optimizer = Adam{})
        : Evaluating(ctx, largest, std::move(net), all_activations(largest.count)),
          objective_(objective),
          optimizer_(optimizer),
          seed_(seed),
          gradients_(ctx.allocate(gradient_count<Net> * element)),
          moments_(ctx, optimizer, trained),
          plan_(largest.count),
          memory_(ctx.allocate(plan_.bytes)),
          trunk_(this->activations_.data(), largest.count),
          head_(this->activations_.data() + TrainingTrunk::bytes(largest.count), largest.count),
          steps_(ctx, largest.count) {
        check_figures(objective_);
        check_figures(optimizer_);
        if (!Net::has_centres && objective.softmax_weight == 0) {
            throw ArgumentError(
                Net::has_metric
                    ? "Learner: softmax_weight is 0, and the metric loss has no centres to classify by"
                    : "Learner: softmax_weight is 0, and there is no metric loss to learn from");
        }
        detail::reserve_up_to(ctx, largest.count, [&](Index count) { return training_scratch(ctx, count); });
        initialise<Net>(ctx, this->parameters().data(), seed);
        ctx.zero(previous_sum(), 1);
        bound_gradients_ = bind_all_gradients<Net, Number, Space>(gradients_.template as<Number>());
    }

    /// One step of training on a batch of at most the largest size. first_sample: which image of the step's
    /// whole batch x begins with, 0 unless processes share the batch; dropout depends on it. A step whose
    /// loss is not finite leaves what the optimizer moves as it was, and so does one that was queued before
    /// the host had been given that loss. Running figures move even so, and under Eq 12 the centres: go on
    /// from a checkpoint. Throws ArgumentError for an impossible batch or label (one image, say, where a
    /// BatchNorm needs two; labels in a GPU's memory are not looked at, see forward), and then has changed
    /// nothing; Error while a queued step is not finished.
    StepResult step(Images x, Labels<Space> labels, std::uint32_t first_sample = 0) {
        require_unfinished(0, "step");
        queue(x, labels, first_sample);
        return finish_step();
    }
    /// The same, and change(gradients) is called before they move anything: to clip them, or to leave a layer
    /// as it is. The slab is gradients()'s, writable: behind the trained parameters' lie the sums that Eq 12
    /// takes. What change throws comes through: running figures have moved, nothing else has, and the step
    /// does not count. In host memory alone: a GPU's step is recorded.
    ///   Processes that share a batch in equal parts, each with a first_sample of its own, give the trained
    /// parameters' gradients their mean, under a metric_reduction of mean, and add up Eq 12's sums. BatchNorm
    /// sees each process's part. Only the loss of the own part is looked at: if another's may not be finite,
    /// change() must see to it that all processes go on alike.
    template <class Change>
    StepResult step(Images x, Labels<Space> labels, std::uint32_t first_sample,
                    Change&& change) requires(in_host_memory) {
        require_unfinished(0, "step");
        queue(x, labels, first_sample, change);
        return finish_step();
    }
    // A template, though nothing is deduced: functions that differ in a constraint alone are one to clang 14.
    template <bool CopiesIn = !in_host_memory>
    StepResult step(HostImages x, Labels<> labels, std::uint32_t first_sample = 0) requires CopiesIn {
        require_unfinished(0, "step");
        queue(x, labels, first_sample);
        return finish_step();
    }

    /// The same, but for the figures: a backend beside the host goes on with it meanwhile. Throws as step()
    /// does; Error while two steps are not finished.
    void queue_step(Images x, Labels<Space> labels, std::uint32_t first_sample = 0) {
        queue(x, labels, first_sample);
    }
    template <bool CopiesIn = !in_host_memory>
    void queue_step(HostImages x, Labels<> labels, std::uint32_t first_sample = 0) requires CopiesIn {
        queue(x, labels, first_sample);
    }
    /// The figures of the oldest step that is not finished, which then is. Throws Error where there is none.
    StepResult finish_step() {
        if (unfinished_ == 0) throw Error("Learner: finish_step: no step is queued");
        const StepFigures figures = steps_.finish();
        const Queued& step = queued_[(steps_queued_ - unfinished_--) % 2];
        finished_ = step;
        const auto [softmax, metric] = figures.losses;
        const double loss = objective_.lambda * metric + objective_.softmax_weight * softmax;
        return {loss, softmax, metric, figures.active, figures.correct, step.count};
    }
    template <detail::Misfit<Images, HostImages> X, class... Rest>
    StepResult step(const X&, const Rest&...) {
        return detail::misfit<StepResult, X, HostImages, Images>();
    }
    template <detail::Misfit<Images, HostImages> X, class... Rest>
    void queue_step(const X&, const Rest&...) {
        detail::misfit<StepResult, X, HostImages, Images>();
    }
    /// Steps that are queued and not finished: 0, 1 or 2.
    Index unfinished_steps() const { return static_cast<Index>(unfinished_); }

    /// After the step on x whose loss was not finite was finished: which operator, as operator_names<Net>()
    /// counts them, first put out a number that is not finite. -1 if x holds one already; Net::metric_at, the
    /// losses' place, if every output is finite. It runs the step's forward pass again, which moves running
    /// statistics once more, and may need more scratch than a step.
    Index first_not_finite(Images x) {
        if (!detail::all_finite(*ctx_, x)) return -1;
        detail::FirstNotFinite look(*ctx_, metric_place);
        const Draw trunk_draw{seed_, &finished_.draw.step, 0, finished_.draw.first_sample};
        const Draw head_draw{seed_, &finished_.draw.step, Net::head_begin, finished_.draw.first_sample};
        const Embeddings e = trunk_.forward(*ctx_, net_.trunk, this->trunk_parameters(), x, trunk_draw);
        trunk_.each_output(*ctx_, this->trunk_parameters(), look);
        head_.forward(*ctx_, net_.head, this->head_parameters(), e, head_draw);
        head_.each_output(*ctx_, this->head_parameters(),
                          [&](std::size_t i, const auto& y) { look(Net::head_begin + i, y); });
        return look.found();
    }

    // What a checkpoint holds beside the parameters. Slabs lie in the backend's memory.

    /// Gradients of the last step.
    Slab<const Number, Space> gradients() const {
        return {gradients_.template as<const Number>(), gradient_count<Net>};
    }
    /// The optimizer's first (0) or second (1) moment of all trained parameters, in their order. Throws
    /// ArgumentError for one that the optimizer does not have.
    Slab<Number, Space> moment(Index which) { return moments_.at(which, "Learner"); }
    Slab<const Number, Space> moment(Index which) const { return moments_.at(which, "Learner"); }
    /// Steps that have updated the moments (or were refused, their loss not finite), and steps that random
    /// numbers have been drawn for: a reload of an earlier model takes the first back with the moments, never
    /// the second.
    std::uint32_t& updates() { return updates_; }
    std::uint32_t& draws() { return draws_; }
    std::uint32_t updates() const { return updates_; }
    std::uint32_t draws() const { return draws_; }
    /// Batches that have moved running figures, which go back with a reload.
    std::uint32_t batches_seen() const { return updates_; }
    const Optimizer& optimizer() const { return optimizer_; }
    /// Throws ArgumentError for a rate that cannot be.
    void set_learning_rate(double rate) { daf::set_learning_rate(optimizer_, rate); }
    const JointObjective& objective() const { return objective_; }
    Seed seed() const { return seed_; }
    /// Bytes that a Learner for batches up to `largest` allocates, its context's scratch left out.
    static Index bytes(Index largest, const Optimizer& optimizer) {
        return Evaluating::parameter_bytes + gradient_count<Net> * element +
               Moments<Number, Backend>::bytes(optimizer, trained) + Plan(largest).bytes +
               all_activations(largest) + Steps::bytes(largest);
    }
    /// What it takes of ctx's scratch for them; on a GPU for the largest, though a smaller one may take more.
    static Index scratch_bytes(const Backend& ctx, Index largest) {
        return detail::scratch_up_to<Backend>(largest,
                                              [&](Index count) { return training_scratch(ctx, count); });
    }

  private:
    using Softmax = typename Net::Softmax;
    using Metric = typename Net::Metric;
    using TrainingTrunk = Workspace<typename Net::Trunk, T, Backend, Mode::train>;
    using TrainingHead = Workspace<typename Net::Head, T, Backend, Mode::train>;
    static constexpr Index element = sizeof(Number);
    static constexpr Index trained = parameter_segments<Net>.trained();
    static constexpr auto metric_place = static_cast<Index>(Net::metric_at);

    /// A step and an evaluation never run at the same time, and neither needs what the other leaves.
    static constexpr Index all_activations(Index largest) {
        return std::max(TrainingTrunk::bytes(largest) + TrainingHead::bytes(largest),
                        Evaluating::activation_bytes(largest));
    }
    static Index training_scratch(const Backend& ctx, Index count) {
        Index most =
            std::max({TrainingTrunk::scratch_bytes(ctx, count), TrainingHead::scratch_bytes(ctx, count),
                      daf::scratch_bytes<Softmax, T>(ctx, count)});
        if constexpr (Net::has_metric) {
            most = std::max(
                {most, daf::scratch_bytes<Metric, T>(ctx, count), nearest_scratch_bytes(ctx, count)});
        }
        return most;
    }

    using PerSample = Batch<Shape<1>, Number, Space>;
    template <class F>
    using Figure = View<Shape<1>, F, Space>;
    using Plan = ObjectivePlan<Net, T>;
    using Steps = StepQueue<Backend, typename Net::Input, T, StepNumbers, StepFigures>;

    /// A step that is on its way or was.
    struct Queued {
        DrawPlace draw;
        Index count = 0;
    };

    void require_unfinished(std::size_t most, const char* call) const {
        if (unfinished_ <= most) return;
        throw Error(std::string("Learner: ") + call + ": " + std::to_string(unfinished_) +
                    " queued steps are not finished: call finish_step() first");
    }

    struct NoChange {
        void operator()(Slab<Number, Space>) const {}
    };
    template <class X, class From, class Change = NoChange>
    void queue(X x, Labels<From> labels, std::uint32_t first_sample, Change&& change = {}) {
        require_unfinished(1, "queue_step");
        trunk_.check(x.count());
        head_.check(x.count());
        detail::check_memory("Learner", "x", x.data());
        detail::check_side<Softmax>(SideInput<From>(labels), x.count(), true);
        // What may fail does before the step has begun.
        if constexpr (!in_host_memory) {
            if (!steps_.knows(x.count())) ctx_->reserve(training_scratch(*ctx_, x.count()));
        }
        const StepNumbers numbers{
            {draws_, first_sample}, scale_of(optimizer_, updates_ + 1), unfinished_ > 0};
        steps_.queue(x, labels, numbers,
                     [&](Images images, Labels<Space> classes, const StepNumbers* in, StepFigures* out) {
                         run(images, classes, in, out, change);
                     });
        ++updates_;
        ++draws_;
        queued_[steps_queued_++ % 2] = {numbers.draw, x.count()};
        ++unfinished_;
    }

    /// A step's whole work. All that it reads and leaves lies in the backend's memory, so it may be recorded
    /// once and run many times.
    template <class Change>
    void run(Images x, Labels<Space> labels, const StepNumbers* numbers, StepFigures* figures,
             Change& change) {
        Backend& ctx = *ctx_;
        const Index count = x.count();
        ctx.zero(gradients_.template as<Number>(), gradient_count<Net>);
        const Draw trunk_draw{.seed = seed_, .layer = 0, .place = &numbers->draw};
        const Draw head_draw{.seed = seed_, .layer = Net::head_begin, .place = &numbers->draw};

        const Embeddings e = trunk_.forward(ctx, net_.trunk, this->trunk_parameters(), x, trunk_draw);
        const LogitsBatch logits = head_.forward(ctx, net_.head, this->head_parameters(), e, head_draw);

        // The losses, while e and the logits are there: gradients take the activations' place.
        const auto losses = losses_of(count), weights = weights_of(count);
        const LogitsBatch dlogits{memory_.template as<T>(plan_.dlogits), count};
        const Embeddings de{memory_.template as<T>(plan_.de), count};
        const auto softmax_saved =
            bind_saved<Softmax, T, Space>(memory_.template as<std::byte>(plan_.softmax_saved), count);
        forward<train>(ctx, Softmax{}, logits, losses, Nothing{}, softmax_saved, labels);
        reduce(ctx, Reduction::mean, losses, Figure<double>(&figures->losses[0]));
        take_metric_loss(e, labels, figures);
        const Batch<Shape<1>, double, Space> both(figures->losses, 2);
        reduce(ctx, Reduction::sum, both, Figure<double>(&figures->sum));
        count_correct(e, logits, labels, Figure<Index>(&figures->correct));

        // Softmax, back through the head to de.
        fill_weights(ctx, Reduction::mean, weights, objective_.softmax_weight);
        backward(ctx, Softmax{}, logits, losses, weights, overwrite(dlogits), Nothing{}, Nothing{},
                 softmax_saved, labels);
        head_.backward(ctx, net_.head, this->head_parameters(),
                       part_of_tuple<Net::head_begin, Net::Head::length>(bound_gradients_), e, dlogits,
                       overwrite(de), head_draw);
        add_metric_gradient(e, labels, de);
        trunk_.backward(ctx, net_.trunk, this->trunk_parameters(),
                        part_of_tuple<0, Net::Trunk::length>(bound_gradients_), x, de, skip, trunk_draw);
        change(Slab<Number, Space>(gradients_.template as<Number>(), gradient_count<Net>));
        update(ctx, optimizer_, update_call(numbers, figures));
        ctx.copy(previous_sum(), &figures->sum, 1);
        move_centres();
    }

    // The metric loss's part of a step. Where there is none, its figures are zero.

    auto metric_parameters() const { return get<Net::metric_at>(bound_); }
    auto metric_gradients() const { return get<Net::metric_at>(bound_gradients_); }
    auto metric_saved(Index count) const {
        return bind_saved<Metric, T, Space>(memory_.template as<std::byte>(plan_.metric_saved), count);
    }
    void take_metric_loss(Embeddings e, Labels<Space> labels, StepFigures* figures) {
        if constexpr (Net::has_metric) {
            const auto losses = losses_of(e.count());
            forward<train>(*ctx_, net_.metric, e, losses, metric_parameters(), metric_saved(e.count()),
                           labels);
            reduce(*ctx_, objective_.metric_reduction, losses, Figure<double>(&figures->losses[1]));
            count_positive(*ctx_, losses, Figure<Index>(&figures->active));
        } else {
            ctx_->zero(&figures->losses[1], 1);
            ctx_->zero(&figures->active, 1);
        }
    }
    void count_correct(Embeddings e, LogitsBatch logits, Labels<Space> labels, Figure<Index> correct) {
        if constexpr (Net::has_centres) {
            if (objective_.softmax_weight == 0) return count_nearest(*ctx_, e, centres(), labels, correct);
        }
        count_largest(*ctx_, logits, labels, correct);
    }
    /// It adds to the gradient where the embedding leaves the trunk: the head never sees it.
    void add_metric_gradient(Embeddings e, Labels<Space> labels, Embeddings de) {
        if constexpr (Net::has_metric) {
            const auto weights = weights_of(e.count());
            fill_weights(*ctx_, objective_.metric_reduction, weights, objective_.lambda);
            backward(*ctx_, net_.metric, e, losses_of(e.count()), weights, accumulate(de),
                     metric_parameters(), metric_gradients(), metric_saved(e.count()), labels);
        }
    }
    void move_centres() {
        if constexpr (Net::has_centres) {
            if (net_.metric.centre_update != CentreUpdate::equation_12) return;
            update_centres(*ctx_, net_.metric, metric_parameters(), metric_gradients(),
                           objective_.centre_rate);
        }
    }

    /// Both losses of the step before, in the backend's memory.
    double* previous_sum() const { return memory_.template as<double>(plan_.previous_sum); }
    PerSample losses_of(Index count) const { return {memory_.template as<Number>(plan_.losses), count}; }
    PerSample weights_of(Index count) const { return {memory_.template as<Number>(plan_.weights), count}; }

    UpdateCall<Number> update_call(const StepNumbers* numbers, const StepFigures* figures) const {
        UpdateCall<Number> call{.parameters = this->parameters_.template as<Number>(),
                                .gradients = gradients_.template as<const Number>(),
                                .decayed = parameter_segments<Net>.decayed,
                                .undecayed = parameter_segments<Net>.undecayed,
                                .scale = &numbers->scale,
                                .loss = &figures->sum,
                                .previous_loss = previous_sum(),
                                .check_previous = &numbers->check_previous};
        moments_.bind(call);
        return call;
    }

    JointObjective objective_;
    Optimizer optimizer_;
    Seed seed_;
    std::uint32_t updates_ = 0;
    std::uint32_t draws_ = 0;
    std::array<Queued, 2> queued_{};
    std::size_t steps_queued_ = 0, unfinished_ = 0;
    Queued finished_{};  // the last one
    typename Backend::Memory gradients_;
    Moments<Number, Backend> moments_;
    Plan plan_;
    typename Backend::Memory memory_;
    GradientTuple<Net, Number, Space> bound_gradients_;
    TrainingTrunk trunk_;
    TrainingHead head_;
    Steps steps_;
};

}  // namespace daf
