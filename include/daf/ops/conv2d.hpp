#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct conv2d {
    static constexpr const char* name = "conv2d";
};
}  // namespace header

/// Whether a convolution adds a bias per output channel; a normalisation behind it makes one useless.
enum class Bias { none, per_channel };

/// y[r,c,o] = b[o] + sum over ky,kx,i of w[ky,kx,i,o] x[r*Stride + ky - K/2, c*Stride + kx - K/2, i], zero
/// outside x: a correlation with "same" padding, as every framework's convolution.
///   x  (H,W,C)   y  (ceil(H/Stride), ceil(W/Stride), Features)
///   weight  (K,K,C,Features), decayed, He       bias  (Features), undecayed, zeros
/// Saved: nothing; backward reads x. dx, dweight, dbias are exact. x and y may not overlap. Bits do not
/// depend on threads. Cpu float sums run in float, in an order that the shapes fix.
template <MapShape In, Index Features, Index K = 3, Index Stride = 1, Bias WithBias = Bias::none>
struct Conv2d {
    static_assert(K % 2 == 1, "daf: a same convolution needs an odd kernel size");
    static_assert(Stride > 0 && Features > 0, "daf: stride and features must be positive");

    using Header = header::conv2d;
    using Input = In;
    using Output = Shape<(In::height - 1) / Stride + 1, (In::width - 1) / Stride + 1, Features>;
    static constexpr Index kernel = K;
    static constexpr Index stride = Stride;
    static constexpr bool with_bias = WithBias == Bias::per_channel;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Parameters {
        View<Shape<K, K, In::channels, Features>, T, Space> weight;
        View<Shape<Features>, T, Space> bias;  // empty without a bias

        static constexpr auto fields() {
            const Parameter weight{"weight", &Parameters::weight, Role::decayed,
                                   init::he(K * K * In::channels), convolution_layout};
            if constexpr (with_bias) {
                return Tuple{weight, Parameter{"bias", &Parameters::bias, Role::undecayed}};
            } else {
                return Tuple{weight};
            }
        }
    };
};

}  // namespace daf
