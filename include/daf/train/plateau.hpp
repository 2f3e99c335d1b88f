#pragma once
#include <algorithm>
#include <cmath>
#include <daf/core/figures.hpp>

namespace daf {

/// The paper's schedule (section 4.2). The reference is the last accuracy that was above the reference before
/// it by `threshold` or more. After `patience` epochs without such a rise the rate is multiplied by `factor`
/// and the best model is reloaded. At the floor training goes on without further drops.
struct PlateauRule {
    double factor = 0.2;
    double threshold = 0.0005;
    int patience = 13;
    double floor = 1e-5;

    /// Throws ArgumentError for a figure that cannot be.
    void check() const {
        detail::check_figure(factor > 0 && factor < 1, "PlateauRule", "factor", "above 0 and below 1",
                             factor);
        detail::check_amount("PlateauRule", "threshold", threshold);
        detail::check_figure(patience >= 1, "PlateauRule", "patience", "1 or more", patience);
        detail::check_amount("PlateauRule", "floor", floor);
    }
};

/// What the schedule asks for after an epoch.
struct PlateauVerdict {
    bool best = false;    // the accuracy is the highest so far: keep this model
    bool reload = false;  // the rate has dropped: go back to the best model
};

/// The schedule's state; a plain value, so that a checkpoint holds it.
struct Plateau {
    PlateauRule rule{};
    double rate = -1;           // of the next epoch; not set: begin with learning_rate(optimizer)
    double best_accuracy = -1;  // the highest seen, that of the kept model
    double reference = -1;      // what the next accuracy must beat by the threshold
    int waited = 0;             // epochs since that last happened

    /// Takes in an epoch's validation accuracy. Throws ArgumentError unless that is in [0, 1], for a rate
    /// that was never set and for a rule that cannot be; then nothing has changed.
    PlateauVerdict observe(double accuracy) {
        rule.check();
        if (!(rate >= 0 && std::isfinite(rate))) {
            throw ArgumentError("Plateau: rate must be the optimizer's, but is " + detail::text_of(rate) +
                                ". Set it to learning_rate(optimizer) before the first epoch.");
        }
        detail::check_figure(accuracy >= 0 && accuracy <= 1, "Plateau", "accuracy", "in [0, 1]", accuracy);
        PlateauVerdict verdict;
        if (accuracy > best_accuracy) {
            best_accuracy = accuracy;
            verdict.best = true;
        }
        if (accuracy > reference && accuracy >= reference + rule.threshold) {
            reference = accuracy;
            waited = 0;
            return verdict;
        }
        if (++waited < rule.patience || rate <= rule.floor) return verdict;
        rate = std::max(rate * rule.factor, rule.floor);
        waited = 0;
        // A model that has just become the best is not worth reloading.
        verdict.reload = !verdict.best;
        return verdict;
    }
};

}  // namespace daf
