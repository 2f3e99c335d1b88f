#pragma once
// A chain of operators, and what a list of operators needs together: sizes, bound parameters.
#include <daf/core/entry.hpp>
#include <tuple>
#include <utility>

namespace daf {

namespace detail {

template <class In, class Operators, class... Layers>
struct chain {
    using operators = Operators;
    using output = In;
};
template <class In, class... Operators, class First, class... Rest>
struct chain<In, std::tuple<Operators...>, First, Rest...>
    : chain<typename First::template On<In>::Output,
            std::tuple<Operators..., typename First::template On<In>>, Rest...> {};

template <class Tuple, class T, class Space>
struct tuples_of;
template <class... Op, class T, class Space>
struct tuples_of<std::tuple<Op...>, T, Space> {
    using parameters = std::tuple<ParametersOf<Op, T, Space>...>;
    using gradients = std::tuple<GradientsOf<Op, T, Space>...>;
};

template <class Tuple>
inline constexpr SegmentSizes tuple_parameter_segments{};
template <class... Op>
inline constexpr SegmentSizes tuple_parameter_segments<std::tuple<Op...>> = (SegmentSizes{} + ... +
                                                                             parameter_segments<Op>);
template <class Tuple>
inline constexpr SegmentSizes tuple_gradient_segments{};
template <class... Op>
inline constexpr SegmentSizes tuple_gradient_segments<std::tuple<Op...>> = (SegmentSizes{} + ... +
                                                                            gradient_segments<Op>);

}  // namespace detail

/// Layers one after another, from an input of shape In. Flat: a Sequence does not hold Sequences.
template <AnyShape In, class... Layers>
struct Sequence {
    static_assert(sizeof...(Layers) > 0, "daf: a Sequence needs at least one layer");
    using Input = In;
    using Operators = typename detail::chain<In, std::tuple<>, Layers...>::operators;
    using Output = typename detail::chain<In, std::tuple<>, Layers...>::output;
    using LayerTypes = std::tuple<Layers...>;
    static constexpr std::size_t length = sizeof...(Layers);
    template <std::size_t I>
    using Operator = std::tuple_element_t<I, Operators>;

    Operators operators{};
};

template <class T>
inline constexpr bool is_sequence = false;
template <class In, class... Layers>
inline constexpr bool is_sequence<Sequence<In, Layers...>> = true;

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
    detail::tuple_parameter_segments<typename Net::Operators>;
template <OperatorList Net>
inline constexpr SegmentSizes gradient_segments<Net> =
    detail::tuple_gradient_segments<typename Net::Operators>;

/// body(integral_constant I) for I = 0 .. N-1.
template <std::size_t N, class Body>
constexpr void static_for(Body&& body) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (body(std::integral_constant<std::size_t, I>{}), ...);
    }
    (std::make_index_sequence<N>{});
}

/// Views of a slab for every operator of a list, in its order.
template <OperatorList Net, class T, class Space = Host>
ParameterTuple<Net, T, Space> bind_all_parameters(T* slab) {
    ParameterTuple<Net, T, Space> bound;
    SegmentCursor<T> cursor(slab, parameter_segments<Net>);
    static_for<std::tuple_size_v<typename Net::Operators>>([&](auto i) {
        std::get<i>(bound) =
            bind_parameters<std::tuple_element_t<i, typename Net::Operators>, T, Space>(cursor);
    });
    return bound;
}
template <OperatorList Net, class T, class Space = Host>
GradientTuple<Net, T, Space> bind_all_gradients(T* slab) {
    GradientTuple<Net, T, Space> bound;
    SegmentCursor<T> cursor(slab, gradient_segments<Net>);
    static_for<std::tuple_size_v<typename Net::Operators>>([&](auto i) {
        std::get<i>(bound) =
            bind_gradients<std::tuple_element_t<i, typename Net::Operators>, T, Space>(cursor);
    });
    return bound;
}

}  // namespace daf
