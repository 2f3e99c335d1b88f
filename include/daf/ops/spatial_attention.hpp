#pragma once
#include <cstdint>
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct spatial_attention {
    static constexpr const char* name = "spatial_attention";
};
}  // namespace header

/// Fails to compile with the size in its name.
template <Index K>
struct check_odd_kernel {
    static_assert(K > 0 && K % 2 == 1,
                  "daf: the kernel of spatial attention must be odd, so that it has a centre");
};

/// Spatial attention [Eq 3]:
///   y = s * x,   s = sigmoid(conv [mean x, max x])
///
///   x, y          (H,W,C); mean and max over the channels, s (H,W) the same for all of them
///   conv.weight   (K,K,2,1), Glorot: on the mean, on the max; padded with zeros       conv.bias  (1), zero
///
/// K must be odd (static_assert). Among equal maxima the first in memory order, alone, takes the gradient.
///
/// Saved: both pools, argmax, gate: 4 H W elements an image; backward reads x.
/// dx as asked, dparams accumulated. x and y may not overlap. Bits do not depend on threads.
template <MapShape In, Index K = 7>
struct SpatialAttention {
    using Header = header::spatial_attention;
    using Input = In;
    using Output = In;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    static_assert(sizeof(check_odd_kernel<K>) > 0);
    static constexpr Index kernel = K;

    template <class T, class Space = Host>
    struct Parameters {
        View<Shape<K, K, 2, 1>, T, Space> conv_weight;
        View<Shape<1>, T, Space> conv_bias;
        static constexpr auto fields() {
            return Tuple{
                Parameter{"conv.weight", &Parameters::conv_weight, Role::decayed,
                          init::glorot(2 * K * K, K * K), convolution_layout},
                Parameter{"conv.bias", &Parameters::conv_bias, Role::undecayed, init::zeros},
            };
        }
    };

    template <class T, class Space = Host>
    struct Saved {
        Batch<Shape<2, In::height, In::width>, Wide<T>, Space> spatial_pools;     // mean, maximum
        Batch<Shape<In::height, In::width>, std::int32_t, Space> spatial_argmax;  // the maximum's channel
        Batch<Shape<In::height, In::width>, Wide<T>, Space> spatial_gate;         // s
        static constexpr auto fields() {
            return Tuple{
                SavedTensor{"spatial_pools", &Saved::spatial_pools},
                SavedTensor{"spatial_argmax", &Saved::spatial_argmax},
                SavedTensor{"spatial_gate", &Saved::spatial_gate},
            };
        }
    };
};

}  // namespace daf
