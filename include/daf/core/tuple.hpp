#pragma once
// A value of each type, in order: std::tuple for lists as long as a network. That one finds an element by recursion and has
// constructors to choose from, whose conditions cost a compiler thousands of types (docs/performance.md).
#include <cstddef>
#include <type_traits>
#include <utility>

namespace daf {

namespace detail {

template <std::size_t I, class T>
struct TupleElement {
    T value{};
};
template <class Places, class... T>
struct TupleElements;
template <std::size_t... I, class... T>
struct TupleElements<std::index_sequence<I...>, T...> : TupleElement<I, T>... {};

template <std::size_t I, class T>
std::type_identity<T> type_at(const TupleElement<I, T>*);

}  // namespace detail

template <class... T>
struct Tuple : detail::TupleElements<std::index_sequence_for<T...>, T...> {
    static constexpr std::size_t size = sizeof...(T);

    /// Every element value-initialised.
    constexpr Tuple() = default;
    constexpr explicit Tuple(T... values) requires(sizeof...(T) > 0)
        : detail::TupleElements<std::index_sequence_for<T...>, T...>{{std::move(values)}...} {}
};

/// The I-th element. Found by overload resolution: the only base that it can be.
template <std::size_t I, class T>
constexpr T& get(detail::TupleElement<I, T>& element) {
    return element.value;
}
template <std::size_t I, class T>
constexpr const T& get(const detail::TupleElement<I, T>& element) {
    return element.value;
}

/// Its type.
template <std::size_t I, class List>
using element_t = typename decltype(detail::type_at<I>(static_cast<const List*>(nullptr)))::type;

/// body(integral_constant I) for I = 0 .. N-1.
template <std::size_t N, class Body>
constexpr void static_for(Body&& body) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (body(std::integral_constant<std::size_t, I>{}), ...);
    }
    (std::make_index_sequence<N>{});
}

}  // namespace daf
