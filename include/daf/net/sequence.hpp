#pragma once
// A chain of operators, and what a list of operators needs together: sizes, bound parameters.
#include <algorithm>
#include <array>
#include <daf/core/entry.hpp>
#include <daf/core/static_for.hpp>
#include <daf/core/tuple.hpp>
#include <string_view>

namespace daf {

namespace detail {

/// Whether a layer takes an input of shape In.
template <class Layer, class In>
concept LayerOn = requires {
    typename Layer::template On<In>;
};
/// Fails to compile with the layer and the shape in its name.
template <class Layer, class In>
struct check_layer {
    static_assert(
        LayerOn<Layer, In>,
        "daf: Layer cannot stand here, where the shape is In: give a layer of daf::layer (a Sequence holds "
        "none), where it works on maps, a Shape<H, W, C>, and to one of your own an In that its On takes");
};

template <class In, class Operators, class... Layers>
struct chain {
    using operators = Operators;
    using output = In;
};
template <class In, class... Operators, class First, class... Rest>
requires LayerOn<First, In>
struct chain<In, Tuple<Operators...>, First, Rest...>
    : chain<typename First::template On<In>::Output, Tuple<Operators..., typename First::template On<In>>,
            Rest...> {
};
template <class In, class Operators, class First, class... Rest>
requires(!LayerOn<First, In>) struct chain<In, Operators, First, Rest...> : check_layer<First, In> {
    using operators = Operators;
    using output = In;
};

template <class List, class T, class Space>
struct tuples_of;
template <class... Op, class T, class Space>
struct tuples_of<Tuple<Op...>, T, Space> {
    using parameters = Tuple<ParametersOf<Op, T, Space>...>;
    using gradients = Tuple<GradientsOf<Op, T, Space>...>;
};

/// Whether no two layers were given one name (layer::Named), which a checkpoint could not tell apart.
template <class... Layers>
constexpr bool names_differ(const Tuple<Layers...>*) {
    std::array<std::string_view, sizeof...(Layers)> names;
    std::size_t count = 0;
    const auto add = [&]<class Layer>(const Layer*) {
        if constexpr (requires { Layer::name; }) names[count++] = Layer::name;
    };
    (add(static_cast<const Layers*>(nullptr)), ...);
    for (std::size_t i = 1; i < count; ++i) {
        if (std::find(names.begin(), names.begin() + i, names[i]) != names.begin() + i) return false;
    }
    return true;
}
template <class LayerTypes>
struct check_names {
    static_assert(names_differ(static_cast<const LayerTypes*>(nullptr)),
                  "daf: two layers of a network have the same name, and a checkpoint could not tell their "
                  "parameters apart: give each layer::Named a text of its own");
};

template <class List>
inline constexpr SegmentSizes list_parameter_segments{};
template <class... Op>
inline constexpr SegmentSizes list_parameter_segments<Tuple<Op...>> = (SegmentSizes{} + ... +
                                                                       parameter_segments<Op>);
template <class List>
inline constexpr SegmentSizes list_gradient_segments{};
template <class... Op>
inline constexpr SegmentSizes list_gradient_segments<Tuple<Op...>> = (SegmentSizes{} + ... +
                                                                      gradient_segments<Op>);

}  // namespace detail

/// Layers one after another, from an input of shape In. Flat: a Sequence does not hold Sequences.
template <AnyShape In, class... Layers>
struct Sequence {
    static_assert(sizeof...(Layers) > 0, "daf: a Sequence needs at least one layer");
    using Input = In;
    using Operators = typename detail::chain<In, Tuple<>, Layers...>::operators;
    using Output = typename detail::chain<In, Tuple<>, Layers...>::output;
    using LayerTypes = Tuple<Layers...>;
    static_assert(sizeof(detail::check_names<LayerTypes>) > 0);
    static constexpr std::size_t length = sizeof...(Layers);
    template <std::size_t I>
    using Operator = TypeAt<I, Operators>;

    Operators operators{};

    /// Throws ArgumentError for a figure of one of them that cannot be.
    constexpr void check() const {
        static_for<length>([&](auto i) { check_figures(get<i>(operators)); });
    }
};

namespace detail {
template <class In, class... Layers>
void as_sequence(const Sequence<In, Layers...>*);
}
/// A Sequence, or a struct that is one by inheritance.
template <class T>
concept AnySequence = requires(const T* t) {
    detail::as_sequence(t);
};

/// Everything with a list of operators: a Sequence, a Network.
template <class Net>
concept OperatorList = requires {
    typename Net::Operators;
};

template <OperatorList Net, class T, class Space = Host>
using ParameterTuple = typename detail::tuples_of<typename Net::Operators, T, Space>::parameters;
template <OperatorList Net, class T, class Space = Host>
using GradientTuple = typename detail::tuples_of<typename Net::Operators, T, Space>::gradients;

template <OperatorList Net>
inline constexpr SegmentSizes parameter_segments<Net> =
    detail::list_parameter_segments<typename Net::Operators>;
template <OperatorList Net>
inline constexpr SegmentSizes gradient_segments<Net> =
    detail::list_gradient_segments<typename Net::Operators>;

/// Views of a slab for every operator of a list, in its order.
template <OperatorList Net, class T, class Space = Host>
ParameterTuple<Net, T, Space> bind_all_parameters(T* slab) {
    ParameterTuple<Net, T, Space> bound;
    SegmentCursor<T> cursor(slab, parameter_segments<Net>);
    static_for<Net::Operators::size>([&](auto i) {
        get<i>(bound) = detail::next_parameters<TypeAt<i, typename Net::Operators>, T, Space>(cursor);
    });
    return bound;
}
template <OperatorList Net, class T, class Space = Host>
GradientTuple<Net, T, Space> bind_all_gradients(T* slab) {
    GradientTuple<Net, T, Space> bound;
    SegmentCursor<T> cursor(slab, gradient_segments<Net>);
    static_for<Net::Operators::size>([&](auto i) {
        get<i>(bound) = detail::next_gradients<TypeAt<i, typename Net::Operators>, T, Space>(cursor);
    });
    return bound;
}

}  // namespace daf
