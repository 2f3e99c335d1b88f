#pragma once
// Between the library's layouts and PyTorch's, by what a parameter's field (core/field.hpp) says of the two.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <daf/core/error.hpp>
#include <daf/core/field.hpp>
#include <daf/io/safetensors_header.hpp>

namespace daf {

namespace pytorch_layout_detail {

inline constexpr std::size_t most_axes = 4;

/// PyTorch's axes before folding, outermost first: how long each is, and how far apart its elements lie in
/// ours.
struct Axes {
    std::array<Index, most_axes> extent{1, 1, 1, 1};
    std::array<Index, most_axes> stride{};
};

inline Axes axes_of(const PytorchLayout& layout, std::span<const Index> extents) {
    Axes ours, theirs;
    Index stride = 1;
    for (std::size_t i = extents.size(); i-- > 0;) {
        ours.extent[i] = extents[i];
        ours.stride[i] = stride;
        stride *= extents[i];
    }
    for (std::size_t i = 0; i < extents.size(); ++i) {
        theirs.extent[i] = ours.extent[layout.order[i]];
        theirs.stride[i] = ours.stride[layout.order[i]];
    }
    return theirs;
}

/// The order must name each of our axes once, and the rank must not exceed them.
inline void check(const PytorchLayout& layout, std::span<const Index> extents) {
    const std::size_t axes = extents.size();
    bool valid = axes <= most_axes && layout.rank <= axes;
    std::array<bool, most_axes> seen{};
    for (std::size_t i = 0; valid && i < axes; ++i) {
        valid = layout.order[i] < axes && !seen[layout.order[i]];
        if (valid) seen[layout.order[i]] = true;
    }
    if (!valid) {
        throw ArgumentError("PytorchLayout: expected an order that names each of the tensor's " +
                            std::to_string(axes) +
                            " axes once, and at most that rank. Correct the field's layout.");
    }
}

/// visit(where it lies in ours) for every element, in PyTorch's order.
template <class Visit>
void for_each_element(const PytorchLayout& layout, std::span<const Index> extents, Visit&& visit) {
    check(layout, extents);
    const auto [extent, stride] = axes_of(layout, extents);
    for (Index a = 0; a < extent[0]; ++a) {
        for (Index b = 0; b < extent[1]; ++b) {
            for (Index c = 0; c < extent[2]; ++c) {
                const Index row = a * stride[0] + b * stride[1] + c * stride[2];
                for (Index d = 0; d < extent[3]; ++d) visit(row + d * stride[3]);
            }
        }
    }
}

inline Index element_count(std::span<const Index> extents) {
    Index count = 1;
    for (const Index extent : extents) count *= extent;
    return count;
}

}  // namespace pytorch_layout_detail

/// The shape that PyTorch has for a tensor of ours with these extents. Throws ArgumentError for a layout that
/// does not fit them.
inline TensorShape pytorch_extents(const PytorchLayout& layout, std::span<const Index> extents) {
    if (layout.rank == 0) return {extents.begin(), extents.end()};
    pytorch_layout_detail::check(layout, extents);
    TensorShape shape(layout.rank, 1);
    for (std::size_t i = 0; i < extents.size(); ++i) {
        shape[std::min(i, layout.rank - 1)] *= static_cast<std::uint64_t>(extents[layout.order[i]]);
    }
    return shape;
}

/// Copies a tensor of ours with these extents into PyTorch's layout. `ours` and `theirs` may not overlap.
/// Errors as above.
template <class T>
void to_pytorch(const PytorchLayout& layout, std::span<const Index> extents, const T* ours, T* theirs) {
    if (layout.rank == 0) {
        std::copy_n(ours, pytorch_layout_detail::element_count(extents), theirs);
        return;
    }
    pytorch_layout_detail::for_each_element(layout, extents, [&](Index at) { *theirs++ = ours[at]; });
}

/// The way back: `theirs` in PyTorch's layout into `ours`, of these extents.
template <class T>
void from_pytorch(const PytorchLayout& layout, std::span<const Index> extents, const T* theirs, T* ours) {
    if (layout.rank == 0) {
        std::copy_n(theirs, pytorch_layout_detail::element_count(extents), ours);
        return;
    }
    pytorch_layout_detail::for_each_element(layout, extents, [&](Index at) { ours[at] = *theirs++; });
}

}  // namespace daf
