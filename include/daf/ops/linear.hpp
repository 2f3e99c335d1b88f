#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct linear {
    static constexpr const char* name = "linear";
};
}  // namespace header

/// The distribution a layer's weights start from.
enum class Start { he, glorot };

namespace detail {

// A map's axes stay apart in the weight's shape, so that a checkpoint can put PyTorch's C,H,W order in.
template <class In, Index Features>
struct linear_weight {
    using type = Shape<In::size, Features>;
    static constexpr PytorchLayout layout = linear_layout;
};
template <Index H, Index W, Index C, Index Features>
struct linear_weight<Shape<H, W, C>, Features> {
    using type = Shape<H, W, C, Features>;
    static constexpr PytorchLayout layout = linear_map_layout;
};

}  // namespace detail

/// y[o] = b[o] + sum over i of x[i] w[i,o].
///   x  any shape, read as size(x) features    y  (Features)
///   weight  (shape of x..., Features), decayed, He or Glorot       bias  (Features), undecayed, zeros
/// A checkpoint holds PyTorch's (Features, C*H*W): a map needs no Flatten before it.
/// Saved: nothing; backward reads x. x and y may not overlap. Bits do not depend on threads: on Cpu sums run
/// in T, in the order of their indices, that of the bias's gradient in double.
template <AnyShape In, Index Features, Start Weights = Start::glorot>
struct Linear {
    using Header = header::linear;
    using Input = In;
    using Output = Shape<Features>;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Parameters {
        View<typename detail::linear_weight<In, Features>::type, T, Space> weight;
        View<Shape<Features>, T, Space> bias;

        static constexpr auto fields() {
            return Tuple{
                Parameter{"weight", &Parameters::weight, Role::decayed,
                          Weights == Start::he ? init::he(In::size) : init::glorot(In::size, Features),
                          detail::linear_weight<In, Features>::layout},
                Parameter{"bias", &Parameters::bias, Role::undecayed},
            };
        }
    };
};

}  // namespace daf
