#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

namespace daf {

/// body(integral_constant I) for I = 0 .. N-1.
template <std::size_t N, class Body>
constexpr void static_for(Body&& body) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (body(std::integral_constant<std::size_t, I>{}), ...);
    }
    (std::make_index_sequence<N>{});
}

}  // namespace daf
