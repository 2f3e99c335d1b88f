#pragma once
// What is counted while a classifier is judged.
#include <cmath>
#include <cstdint>
#include <daf/core/view.hpp>
#include <string>
#include <vector>

namespace daf {

/// How often each true class was given each predicted one: rows true, columns predicted (the paper's Fig 2).
/// A sample for which there is no prediction is one of its class and of the total, and never correct.
class ConfusionMatrix {
  public:
    /// Throws ArgumentError unless there is a class.
    explicit ConfusionMatrix(Index classes)
        : classes_(classes), counts_(static_cast<std::size_t>(checked(classes) * (classes + 1))) {}

    /// prediction: a class, or -1 for none, as largest_of says of scores with a NaN. Throws ArgumentError for
    /// a class that does not exist.
    void add(Index label, Index prediction) { ++counts_[at(label, prediction)]; }

    Index classes() const { return classes_; }
    /// Samples of a class that were taken for one, or with -1 for none.
    std::int64_t count(Index label, Index prediction) const { return counts_[at(label, prediction)]; }
    /// Samples of a class for which there was no prediction.
    std::int64_t without_prediction(Index label) const { return counts_[at(label, -1)]; }
    /// Samples of a class.
    std::int64_t row(Index label) const {
        std::int64_t sum = without_prediction(label);
        for (Index p = 0; p < classes_; ++p) sum += count(label, p);
        return sum;
    }
    std::int64_t total() const {
        std::int64_t sum = 0;
        for (const std::int64_t n : counts_) sum += n;
        return sum;
    }
    std::int64_t correct() const {
        std::int64_t sum = 0;
        for (Index c = 0; c < classes_; ++c) sum += count(c, c);
        return sum;
    }

    /// Share of samples on the diagonal; NaN where there are none.
    double accuracy() const { return ratio(correct(), total()); }
    /// Share of a class's samples that were recognised; NaN for a class without samples.
    double recall(Index label) const { return ratio(count(label, label), row(label)); }
    /// Mean recall over the classes that have samples.
    double balanced_accuracy() const {
        double sum = 0;
        int seen = 0;
        for (Index c = 0; c < classes_; ++c) {
            if (row(c) == 0) continue;
            sum += recall(c);
            ++seen;
        }
        return seen == 0 ? std::nan("") : sum / seen;
    }

    friend bool operator==(const ConfusionMatrix&, const ConfusionMatrix&) = default;

  private:
    static Index checked(Index classes) {
        if (classes >= 1) return classes;
        throw ArgumentError(std::string("ConfusionMatrix: expected at least one class, got ") +
                            std::to_string(classes));
    }
    static double ratio(std::int64_t part, std::int64_t whole) {
        return whole == 0 ? std::nan("") : static_cast<double>(part) / static_cast<double>(whole);
    }
    std::size_t at(Index label, Index prediction) const {
        if (label < 0 || label >= classes_ || prediction < -1 || prediction >= classes_) {
            throw ArgumentError(std::string("ConfusionMatrix: classes are 0 to ") +
                                std::to_string(classes_ - 1) +
                                ", a prediction may be -1 for none, got label " + std::to_string(label) +
                                ", prediction " + std::to_string(prediction));
        }
        return static_cast<std::size_t>(label * (classes_ + 1) + prediction + 1);
    }

    Index classes_;
    std::vector<std::int64_t> counts_;  // of each label: without a prediction, then by prediction
};

/// Mean length of the centres (K, D): with the active fraction, what shows whether Eq 12 lets them drift.
template <class S, class T>
double mean_centre_norm(View<S, T, Host> centres) {
    static_assert(S::rank == 2, "daf: centres have the shape (classes, features)");
    double sum = 0;
    for (Index k = 0; k < S::extents[0]; ++k) {
        double square = 0;
        for (Index d = 0; d < S::extents[1]; ++d) {
            const auto c = static_cast<double>(centres[k * S::extents[1] + d]);
            square += c * c;
        }
        sum += std::sqrt(square);
    }
    return sum / static_cast<double>(S::extents[0]);
}

}  // namespace daf
