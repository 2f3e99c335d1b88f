#pragma once
// What a Learner minimises, and what a step of it says.
#include <daf/core/entry.hpp>
#include <daf/core/figures.hpp>
#include <daf/ops/counting.hpp>
#include <daf/ops/optimizer.hpp>
#include <daf/ops/reduction.hpp>
#include <utility>

namespace daf {

/// L = lambda * L_metric + w * L_softmax, w = 1 [Eq 13].  L_softmax is the mean over the batch, L_metric the
/// sum (or the mean).  With w = 0 only the metric loss acts: the head gets no gradient, and the nearest
/// centre classifies.
struct JointObjective {
    double lambda = 0.007;
    Reduction metric_reduction = Reduction::sum;
    double centre_rate = 0.005;  // alpha of the centres' own update; lambda does not scale it
    double softmax_weight = 1;   // w

    /// Throws ArgumentError for a figure that cannot be.
    void check() const {
        detail::check_amount("JointObjective", "lambda", lambda);
        detail::check_amount("JointObjective", "centre_rate", centre_rate);
        detail::check_amount("JointObjective", "softmax_weight", softmax_weight);
    }
};

/// One training step's figures, of the batch before the update.
struct StepResult {
    double loss = 0;     // Eq 13
    double softmax = 0;  // its mean cross-entropy
    double metric = 0;   // its metric loss, reduced, without lambda
    Index active = 0;    // samples whose metric loss is not zero
    Index correct = 0;   // samples whose label has the largest logit; with w = 0, the nearest centre
    Index count = 0;
};

/// What the host tells a step's work, in the backend's memory: what changes from one step to the next.
struct StepNumbers {
    DrawPlace draw;
    UpdateScale scale;
    std::uint32_t check_previous = 0;  // not 0: the host has not been given the figures of the step before
};

/// What a step's work leaves in the backend's memory.
struct StepFigures {
    double losses[2];  // softmax and metric, reduced
    double sum;        // of both: finite where they are
    Index active, correct;
};

/// Where the losses' tensors of a step lie, in bytes from the start, for batches up to `count` of activations
/// of T.
template <class Net, class T>
struct ObjectivePlan {
    Index losses, weights, dlogits, de, softmax_saved, metric_saved = 0, previous_sum;
    Index bytes = 0;

    explicit ObjectivePlan(Index count) {
        constexpr Index number = sizeof(Wide<T>), activation = sizeof(T);
        const auto place = [&](Index size) { return std::exchange(bytes, bytes + align_up(size)); };
        losses = place(count * number);
        weights = place(count * number);
        dlogits = place(count * Net::Logits::size * activation);
        de = place(count * Net::Embedding::size * activation);
        softmax_saved = place(saved_bytes<typename Net::Softmax, T>(count));
        if constexpr (Net::has_metric) metric_saved = place(saved_bytes<typename Net::Metric, T>(count));
        previous_sum = place(sizeof(double));
    }
};

}  // namespace daf
