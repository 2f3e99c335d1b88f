#pragma once
#include <cstdint>
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct channel_attention {
    static constexpr const char* name = "channel_attention";
};
}  // namespace header

/// The activation between the two layers of channel attention's net.
enum class Hidden { relu, sigmoid, identity };

/// Fails to compile with both figures in its name.
template <Index Channels, Index Ratio>
struct check_ratio {
    static_assert(Ratio > 0 && Channels % Ratio == 0, "daf: the reduction ratio must divide the channels");
};

/// Channel attention [Eq 1-2]:
///   y = s * x,   s = sigmoid(net(avg x) + net(max x)),
///   net(v) = hidden(v fc1.weight + fc1.bias) fc2.weight + fc2.bias
///
///   x, y          (H,W,C); avg and max over the positions, s (C) the same for all of them
///   fc1.weight    (C,C/r), He       fc2.weight  (C/r,C), Glorot       fc1.bias (C/r), fc2.bias (C): zeros
///
/// Ratio must divide C (static_assert). The net runs on both pools, so fc2.bias enters their sum twice.
/// Among equal maxima the first in memory order, alone, takes the gradient.
///
/// Saved: both pools, argmax, both hidden vectors, gate: 4 C + 2 C/r elements an image; backward reads x.
/// dx as asked, dparams accumulated. x and y may not overlap. Bits do not depend on threads.
template <MapShape In, Index Ratio = 8, Hidden H = Hidden::relu>
struct ChannelAttention {
    using Header = header::channel_attention;
    using Input = In;
    using Output = In;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    static constexpr Hidden hidden = H;
    static constexpr Index channels = In::channels;
    static_assert(sizeof(check_ratio<channels, Ratio>) > 0);
    // Rounded up where the ratio does not divide, so that the check is the only error.
    static constexpr Index hidden_channels = Ratio > 0 ? (channels + Ratio - 1) / Ratio : 1;

    template <class T, class Space = Host>
    struct Parameters {
        View<Shape<channels, hidden_channels>, T, Space> fc1_weight;
        View<Shape<hidden_channels>, T, Space> fc1_bias;
        View<Shape<hidden_channels, channels>, T, Space> fc2_weight;
        View<Shape<channels>, T, Space> fc2_bias;
        static constexpr auto fields() {
            return Tuple{
                Parameter{"fc1.weight", &Parameters::fc1_weight, Role::decayed, init::he(channels),
                          linear_layout},
                Parameter{"fc1.bias", &Parameters::fc1_bias, Role::undecayed, init::zeros},
                Parameter{"fc2.weight", &Parameters::fc2_weight, Role::decayed,
                          init::glorot(hidden_channels, channels), linear_layout},
                Parameter{"fc2.bias", &Parameters::fc2_bias, Role::undecayed, init::zeros},
            };
        }
    };

    template <class T, class Space = Host>
    struct Saved {
        Batch<Shape<2, channels>, Wide<T>, Space> channel_pools;     // average, maximum
        Batch<Shape<channels>, std::int32_t, Space> channel_argmax;  // the maximum's position
        Batch<Shape<2, hidden_channels>, Wide<T>, Space> hidden;     // of the average, of the maximum
        Batch<Shape<channels>, Wide<T>, Space> channel_gate;         // s
        static constexpr auto fields() {
            return Tuple{
                SavedTensor{"channel_pools", &Saved::channel_pools},
                SavedTensor{"channel_argmax", &Saved::channel_argmax},
                SavedTensor{"hidden", &Saved::hidden},
                SavedTensor{"channel_gate", &Saved::channel_gate},
            };
        }
    };
};

}  // namespace daf
