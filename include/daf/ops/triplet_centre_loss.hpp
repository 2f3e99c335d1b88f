#pragma once
#include <daf/core/figures.hpp>
#include <daf/ops/class_centres.hpp>

namespace daf {

namespace header {
struct triplet_centre_loss {
    static constexpr const char* name = "triplet_centre_loss";
};
}  // namespace header

/// Triplet-Centre loss [Eq 6-12]: each sample nearer to its class's centre than to any other, by a margin.
///   D(e,c) = |e - c|^2 / 2                                                               [Eq 6, 7]
///   y = max(D(e,c_p) + margin - D(e,c_q), 0)     p the label, q the nearest other centre  [Eq 8-10]
///   de = dy (c_q - c_p) where y > 0, else 0                                              [Eq 11]
///
///   x = e     any shape of D elements       y  (1)       labels  0 .. K-1
///   centres   (K,D), undecayed, normal, standard deviation 0.01
///
/// Equally near centres: the first is q. On the boundary (D(e,c_p) + margin = D(e,c_q)) a sample is not
/// active. dy is the sample's weight: 1 gives Eq 9's sum over the batch; lambda (Eq 13) scales it.
///
/// The centres, under CentreUpdate::equation_12: backward adds up, over active samples, own_sum_j and
/// own_count_j = n_j (those with p = j), intruder_sum_j and intruder_count_j = k_j (those with q = j); then
/// update_centres moves
///   c_j += alpha [ (own_sum_j - n_j c_j) / (1 + n_j) - (intruder_sum_j - k_j c_j) / (1 + k_j) ]     [Eq 12]
/// Eq 12 as printed points *against* the gradient of Eq 9, and so is added. dy does not scale it.
/// Under exact_gradient, backward adds the gradient of sum_i dy_i y_i to `centres`' instead:
///   sum over active i of dy_i (c_j - e_i) [p_i = j]  +  dy_i (e_i - c_j) [q_i = j].
///
/// Distances are sums over differences, so that embeddings far from the origin keep their digits; in double,
/// on Cpu after runs of at most 16 terms a lane in T.
/// Saved: active (0 or 1), nearest (q): valid after a training forward for whoever counts them. Backward
/// reads x. A NaN in e, or in a centre that a sample is compared with, gives NaN losses; such a sample is not
/// active. Throws ArgumentError for a label outside the classes. Bits do not depend on threads.
template <AnyShape S, Index K>
struct TripletCentreLoss {
    static_assert(
        K >= 2,
        "daf: TripletCentreLoss<Shape, K> needs K >= 2 classes: it compares with another class's centre");

    using Header = header::triplet_centre_loss;
    using Input = S;
    using Output = Shape<1>;
    static constexpr Index classes = K;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    /// m of Eq 8, in units of half squared distance. The paper: 11 for FER2013, 13 for SFEW.
    double margin = 11;
    CentreUpdate centre_update = CentreUpdate::equation_12;

    /// Throws ArgumentError for a margin that is not finite.
    void check() const { detail::check_finite("triplet_centre_loss", "margin", margin); }

    template <class T, class Space = Host>
    using Parameters = ClassCentres<K, S::size, T, Space>;

    template <class T, class Space = Host>
    struct Gradients {
        View<Shape<K, S::size>, T, Space> centres;
        View<Shape<K, S::size>, T, Space> own_sum;
        View<Shape<K, S::size>, T, Space> intruder_sum;
        View<Shape<K>, T, Space> own_count;
        View<Shape<K>, T, Space> intruder_count;

        static constexpr auto fields() {
            return Tuple{
                Parameter{"centres", &Gradients::centres, Role::undecayed},
                Parameter{"own_sum", &Gradients::own_sum, Role::sum},
                Parameter{"intruder_sum", &Gradients::intruder_sum, Role::sum},
                Parameter{"own_count", &Gradients::own_count, Role::sum},
                Parameter{"intruder_count", &Gradients::intruder_count, Role::sum},
            };
        }
    };

    template <class T, class Space = Host>
    struct Saved {
        Batch<Shape<1>, std::uint8_t, Space> active;
        Batch<Shape<1>, std::int32_t, Space> nearest;

        static constexpr auto fields() {
            return Tuple{SavedTensor{"active", &Saved::active}, SavedTensor{"nearest", &Saved::nearest}};
        }
    };
};

}  // namespace daf
