#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct softmax_cross_entropy {
    static constexpr const char* name = "softmax_cross_entropy";
};
}  // namespace header

/// The softmax loss of one sample: y = -log p[label],  p = softmax(x);   dx = dy (p - onehot(label))
///   x  logits, any shape of K elements      y  (1)      labels  0 .. K-1
/// dy is the sample's weight: 1 for the sum over a batch of N, 1/N for its mean (fill_weights).
/// Computed as log(sum exp(x - max x)) - (x[label] - max x), the sum in double: no logit overflows, and a
/// nearly certain prediction keeps its small loss. Saved: p (K). A NaN logit gives a NaN loss. Throws
/// ArgumentError for a label outside the classes. Bits do not depend on threads.
template <AnyShape S>
struct SoftmaxCrossEntropy {
    using Header = header::softmax_cross_entropy;
    using Input = S;
    using Output = Shape<1>;
    static constexpr Index classes = S::size;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Saved {
        Batch<S, Wide<T>, Space> probabilities;

        static constexpr auto fields() { return Tuple{SavedTensor{"probabilities", &Saved::probabilities}}; }
    };
};

/// The probabilities that `count` logits in host memory stand for: p = exp(x - max x) / sum exp(x - max x),
/// in double. No logit overflows. All are NaNs where a logit is a NaN or infinite (-inf beside a finite one
/// has probability 0). They may take the logits' place.
template <class T, Real P>
void softmax(const T* logits, Index count, P* probabilities) {
    if (count < 1) return;
    const auto largest = static_cast<double>(*std::max_element(logits, logits + count));
    const auto share = [&](Index i) { return std::exp(static_cast<double>(logits[i]) - largest); };
    double sum = 0;
    for (Index i = 0; i < count; ++i) sum += share(i);
    for (Index i = 0; i < count; ++i) probabilities[i] = static_cast<P>(share(i) / sum);
}

/// The same of a sample's logits as a network gives them:
///
///   const auto outputs = evaluator.evaluate(x);
///   const auto p = daf::softmax(outputs.logits[0]);      std::array<double, K>
template <AnyShape S, class T>
std::array<double, static_cast<std::size_t>(S::size)> softmax(View<S, T> logits) {
    std::array<double, static_cast<std::size_t>(S::size)> probabilities{};
    softmax(logits.data(), S::size, probabilities.data());
    return probabilities;
}

}  // namespace daf
