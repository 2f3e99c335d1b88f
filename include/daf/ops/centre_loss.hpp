#pragma once
#include <daf/ops/class_centres.hpp>

namespace daf {

namespace header {
struct centre_loss {
    static constexpr const char* name = "centre_loss";
};
}  // namespace header

/// Centre loss (Wen et al., ECCV 2016): each sample near its own class's centre.
///   y = |e - c_p|^2 / 2,   p the label;      de = dy (e - c_p)
///
///   x = e     any shape of D elements       y  (1)       labels  0 .. K-1
///   centres   (K,D), undecayed, normal, standard deviation 0.01
///
/// dy is the sample's weight: 1 for the sum over a batch of N, 1/N for its mean.
///
/// The centres, under CentreUpdate::equation_12 (here: the first half of Eq 12, which is that paper's Eq 4):
/// backward adds up own_sum_j and own_count_j = n_j over the samples of class j, whatever their dy;
/// update_centres moves
///   c_j += alpha (own_sum_j - n_j c_j) / (1 + n_j).
/// Under exact_gradient, backward adds sum_i dy_i (c_j - e_i) [p_i = j] to the gradient of the centres
/// instead.
///
/// Saved: nothing; backward reads x. A NaN in e or its centre gives a NaN loss.
/// Throws ArgumentError for a label outside the classes. Bits do not depend on threads.
template <AnyShape S, Index K>
struct CentreLoss {
    static_assert(K >= 1, "daf: CentreLoss<Shape, K> needs K >= 1 classes");

    using Header = header::centre_loss;
    using Input = S;
    using Output = Shape<1>;
    static constexpr Index classes = K;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    CentreUpdate centre_update = CentreUpdate::equation_12;

    template <class T, class Space = Host>
    using Parameters = ClassCentres<K, S::size, T, Space>;
    template <class T, class Space = Host>
    using Gradients = OwnClassGradients<K, S::size, T, Space>;
};

}  // namespace daf
