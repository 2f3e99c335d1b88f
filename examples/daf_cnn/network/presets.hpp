#pragma once
// The networks that the program knows, as types: this is the one place where their figures stand.
#include <array>
#include <daf/net/layers.hpp>
#include <daf/net/network.hpp>
#include <daf/ops/triplet_centre_loss.hpp>
#include <string>
#include <type_traits>

namespace daf_cnn {

using daf::Index;

/// Expressions told apart.
inline constexpr Index class_count = 7;

/// The paper's network.
struct Paper {
    static constexpr const char* name = "paper";
    static constexpr Index side = 96;
    static constexpr std::array<Index, 5> widths{64, 128, 256, 512, 512};
    static constexpr Index embedding = 512;
    static constexpr bool last_pool = true;
};

/// Half its width, for FER2013's own 48 pixels: there the last map has 3x3 already.
struct Half {
    static constexpr const char* name = "half";
    static constexpr Index side = 48;
    static constexpr std::array<Index, 5> widths{32, 64, 128, 256, 256};
    static constexpr Index embedding = 256;
    static constexpr bool last_pool = false;
};

/// A quarter of it: learns on a few processor cores while one watches.
struct Lite {
    static constexpr const char* name = "lite";
    static constexpr Index side = 48;
    static constexpr std::array<Index, 5> widths{16, 32, 64, 128, 128};
    static constexpr Index embedding = 128;
    static constexpr bool last_pool = false;
};

/// Whether the network has the paper's 3D attention (Eq 1-5) behind block 5.
enum class Attention { none, full };

/// What says which expression an image shows: the head's logits, or the centre that its embedding is nearest
/// to (the paper's 4.3.2, where the TC loss takes the place of softmax).
enum class Classifier { softmax, nearest_centre };

namespace detail {

template <class... L>
struct Layers {};

/// Sequence<In, all the layers of the lists, one after another>.
template <class In, class... Lists>
struct join;
template <class In, class... L>
struct join<In, Layers<L...>> {
    using type = daf::Sequence<In, L...>;
};
template <class In, class... L, class... M, class... Rest>
struct join<In, Layers<L...>, Layers<M...>, Rest...> : join<In, Layers<L..., M...>, Rest...> {};

template <bool Wanted, class L>
using LayerIf = std::conditional_t<Wanted, Layers<L>, Layers<>>;

template <Index Width>
using Conv = daf::layer::ConvBnRelu<Width>;
template <Index Width>
using Three = Layers<Conv<Width>, Conv<Width>, Conv<Width>>;
template <Index Width>
using Four = Layers<Conv<Width>, Conv<Width>, Conv<Width>, Conv<Width>>;

}  // namespace detail

using AttentionLayer = daf::layer::DualAttention<8, 7>;

template <class P>
using InputOf = daf::Shape<P::side, P::side, 1>;

/// Block 5's last map, where the attention stands.
template <class P>
using AttentionMap = daf::Shape<P::side / 16, P::side / 16, P::widths[4]>;

/// Image to embedding. Named layers are called as in the PyTorch network, the others are trunk.N.
template <class P, Attention A>
using TrunkOf = typename detail::join<                                                          //
    InputOf<P>,                                                                                 //
    detail::Three<P::widths[0]>, detail::Layers<daf::layer::MaxPool<>>,                         //
    detail::Three<P::widths[1]>, detail::Layers<daf::layer::MaxPool<>>,                         //
    detail::Four<P::widths[2]>, detail::Layers<daf::layer::MaxPool<>>,                          //
    detail::Four<P::widths[3]>, detail::Layers<daf::layer::MaxPool<>>,                          //
    detail::Four<P::widths[4]>,                                                                 //
    detail::LayerIf<A == Attention::full, daf::layer::Named<"attention", AttentionLayer>>,      //
    detail::LayerIf<P::last_pool, daf::layer::MaxPool<>>,                                       //
    detail::Layers<daf::layer::Dropout,                                                         //
                   daf::layer::Named<"fc1", daf::layer::Linear<P::embedding, daf::Start::he>>,  //
                   daf::layer::Relu>>::type;

/// Embedding to logits.
template <class P>
using HeadOf = daf::Sequence<daf::Shape<P::embedding>,  //
                             daf::layer::Dropout, daf::layer::Named<"fc2", daf::layer::Linear<class_count>>>;

template <class P>
using MetricOf = daf::TripletCentreLoss<daf::Shape<P::embedding>, class_count>;

template <class P, Attention A>
using NetworkOf = daf::Network<TrunkOf<P, A>, HeadOf<P>, MetricOf<P>>;

/// What a checkpoint's `architecture` says: "daf-cnn lite attention=full".
inline std::string architecture_of(std::string_view preset, Attention attention) {
    return "daf-cnn " + std::string(preset) +
           " attention=" + (attention == Attention::full ? "full" : "none");
}

}  // namespace daf_cnn
