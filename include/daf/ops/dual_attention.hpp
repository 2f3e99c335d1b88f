#pragma once
#include <daf/ops/channel_attention.hpp>
#include <daf/ops/spatial_attention.hpp>

namespace daf {

namespace header {
struct dual_attention {
    static constexpr const char* name = "dual_attention";
};
}  // namespace header

/// How channel and spatial attention are put together.
enum class Arrangement {
    channel_first,  // y = spatial(channel(x)), as the paper has it
    spatial_first,  // y = channel(spatial(x))
    parallel,       // both gates from x: y = A_s(x) * A_c(x) * x
};

/// 3D attention [Eq 4-5], channel first:  x' = A_c(x) * x,   y = A_s(x') * x'
///   x, y    (H,W,C);  A_c (C) the gate of ChannelAttention, A_s (H,W) that of SpatialAttention
/// Parameters, ties, errors and determinism are those of the two; so are the tensors saved. x' is not saved:
/// backward reads x.
template <MapShape In, Index Ratio = 8, Index K = 7, Arrangement A = Arrangement::channel_first,
          Hidden H = Hidden::relu>
struct DualAttention {
    using Header = header::dual_attention;
    using Input = In;
    using Output = In;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    static constexpr Arrangement arrangement = A;
    using Channel = ChannelAttention<In, Ratio, H>;
    using Spatial = SpatialAttention<In, K>;

    template <class T, class Space = Host>
    struct Parameters : ParametersOf<Channel, T, Space>, ParametersOf<Spatial, T, Space> {
        constexpr const ParametersOf<Channel, T, Space>& channel() const { return *this; }
        constexpr const ParametersOf<Spatial, T, Space>& spatial() const { return *this; }
        static constexpr auto fields() {
            return joined(ParametersOf<Channel, T, Space>::fields(),
                          ParametersOf<Spatial, T, Space>::fields());
        }
    };

    template <class T, class Space = Host>
    struct Saved : SavedOf<Channel, T, Space>, SavedOf<Spatial, T, Space> {
        constexpr const SavedOf<Channel, T, Space>& channel() const { return *this; }
        constexpr const SavedOf<Spatial, T, Space>& spatial() const { return *this; }
        static constexpr auto fields() {
            return joined(SavedOf<Channel, T, Space>::fields(), SavedOf<Spatial, T, Space>::fields());
        }
    };
};

}  // namespace daf
