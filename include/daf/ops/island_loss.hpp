#pragma once
#include <daf/core/call.hpp>
#include <daf/core/figures.hpp>
#include <daf/ops/centre_loss.hpp>

namespace daf {

namespace header {
struct island_loss {
    static constexpr const char* name = "island_loss";
};
}  // namespace header

/// Island loss (Cai et al., FG 2018): centre loss, and the centres' directions pushed apart.
///   L = sum_i |e_i - c_p|^2 / 2  +  lambda1 sum over ordered pairs j != k of (cos(c_j, c_k) + 1)
/// The second sum belongs to no sample: a batch of N shares it out equally, so that its y add up to L:
///   y = |e - c_p|^2 / 2 + (lambda1 / N) sum_{j != k} (cos(c_j, c_k) + 1);      de = dy (e - c_p)
///
///   x = e     any shape of D elements       y  (1)       labels  0 .. K-1
///   centres   (K,D), undecayed, normal, standard deviation 0.01
///
/// The cosine with a centre at the origin counts as 0, and so does its gradient.
///
/// The centres, with the slope of the cosines
///   g_j = sum_{k != j} d cos(c_j, c_k) / d c_j
///       = sum_{k != j} [ c_k / (|c_j||c_k|) - cos(c_j, c_k) c_j / |c_j|^2 ].
/// Under CentreUpdate::equation_12 (here: the update of that paper, which averages g_j over the other
/// centres) backward adds up own_sum_j and own_count_j = n_j over the samples of class j, whatever their dy,
/// and update_centres moves
///   c_j += alpha [ (own_sum_j - n_j c_j) / (1 + n_j)  -  lambda1 / (K - 1) g_j ].
/// Under exact_gradient, backward adds to the gradient of the centres instead (each pair stands in L twice)
///   sum_i dy_i (c_j - e_i) [p_i = j]  +  2 lambda1 (mean of dy) g_j.
///
/// Saved: nothing; backward reads x. A NaN in e or a centre gives NaN losses.
/// Throws ArgumentError for a label outside the classes. Bits do not depend on threads.
template <AnyShape S, Index K>
struct IslandLoss {
    static_assert(K >= 2, "daf: IslandLoss<Shape, K> needs K >= 2 classes: it pushes pairs of centres apart");

    using Header = header::island_loss;
    using Input = S;
    using Output = Shape<1>;
    static constexpr Index classes = K;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    /// What a pair of centres weighs against a sample.
    double lambda1 = 10;
    CentreUpdate centre_update = CentreUpdate::equation_12;

    /// Throws ArgumentError for a lambda1 that cannot be.
    void check() const { detail::check_amount("island_loss", "lambda1", lambda1); }

    template <class T, class Space = Host>
    using Parameters = ClassCentres<K, S::size, T, Space>;
    template <class T, class Space = Host>
    using Gradients = OwnClassGradients<K, S::size, T, Space>;
};

/// The call of the centre loss inside: the same tensors.
template <class S, Index K, Mode M, class T, class Space>
ForwardCall<CentreLoss<S, K>, M, T, Space> centre_part(
    const ForwardCall<IslandLoss<S, K>, M, T, Space>& call) {
    return {{call.op.centre_update}, call.x, call.y, call.params, {}, call.side};
}
template <class S, Index K, class T, class Space>
BackwardCall<CentreLoss<S, K>, T, Space> centre_part(const BackwardCall<IslandLoss<S, K>, T, Space>& call) {
    return {
        {call.op.centre_update}, call.x, call.y, call.dy, call.dx, call.params, call.dparams, {}, call.side};
}

}  // namespace daf
