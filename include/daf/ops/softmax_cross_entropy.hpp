#pragma once
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

}  // namespace daf
