#pragma once
// Static shapes. A shape is one image's (or one weight's) extents; the batch is a run-time count beside it.
#include <array>
#include <cstddef>
#include <type_traits>

namespace daf {

/// Sizes, counts and subscripts. Signed, so that differences and loops need no casts.
using Index = std::ptrdiff_t;

/// Extents known at compile time, outermost first, the last one contiguous in memory.
/// Shape<H, W, C> is a map (channels-last), Shape<C> a feature vector, read by operators as a 1x1 map of C
/// channels.
template <Index... Extents>
struct Shape {
    static_assert(sizeof...(Extents) > 0, "daf: a Shape needs at least one extent");
    static_assert(((Extents > 0) && ...), "daf: every extent of a Shape must be positive");

    static constexpr std::size_t rank = sizeof...(Extents);
    static constexpr std::array<Index, rank> extents{Extents...};
    static constexpr Index size = (Extents * ...);

    static constexpr Index height = rank == 3 ? extents[0] : 1;
    static constexpr Index width = rank == 3 ? extents[1] : 1;
    static constexpr Index channels = rank == 3 ? extents[2] : size;
    static constexpr Index area = height * width;
};

template <class T>
inline constexpr bool is_shape = false;
template <Index... E>
inline constexpr bool is_shape<Shape<E...>> = true;

/// Any Shape.
template <class S>
concept AnyShape = is_shape<S>;

/// Shape<H, W, C>: a map.
template <class S>
concept MapShape = is_shape<S> && S::rank == 3;

/// Shape<C>: a feature vector.
template <class S>
concept VectorShape = is_shape<S> && S::rank == 1;

}  // namespace daf
