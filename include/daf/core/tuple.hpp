#pragma once
// A value of each type, in order. std::tuple costs a compiler much more where the list is as long as a
// network (docs/performance.md).
#include <concepts>
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
    constexpr Tuple() requires(std::default_initializable<T>&&...) = default;
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

template <std::size_t I, class T>
constexpr T&& get(detail::TupleElement<I, T>&& element) {
    return std::move(element.value);
}

/// The elements of the one, then those of the other.
template <class... First, class... Second>
constexpr Tuple<First..., Second...> joined(const Tuple<First...>& first, const Tuple<Second...>& second) {
    return [&]<std::size_t... I, std::size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>) {
        return Tuple<First..., Second...>(get<I>(first)..., get<J>(second)...);
    }
    (std::index_sequence_for<First...>{}, std::index_sequence_for<Second...>{});
}

/// Its type.
template <std::size_t I, class List>
using TypeAt = typename decltype(detail::type_at<I>(static_cast<const List*>(nullptr)))::type;

/// `Count` elements of a tuple from `First` on.
template <std::size_t First, std::size_t Count, class List>
constexpr auto part_of_tuple(const List& list) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return Tuple<TypeAt<First + I, List>...>(get<First + I>(list)...);
    }
    (std::make_index_sequence<Count>{});
}

}  // namespace daf
