#pragma once
// All parameters (or gradients, or moments) of a kind in one piece of memory, a slab; what an operator keeps
// for backward in another: their sizes, and their parts as views.
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <daf/core/alignment.hpp>
#include <daf/core/error.hpp>
#include <daf/core/operator.hpp>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

namespace daf {

/// Elements in each segment of a slab: [decayed | undecayed | last]. The last one holds the state of
/// parameters, the sums of gradients.
struct SegmentSizes {
    Index decayed = 0;
    Index undecayed = 0;
    Index last = 0;

    constexpr Index trained() const { return decayed + undecayed; }
    constexpr Index total() const { return trained() + last; }
    friend constexpr SegmentSizes operator+(SegmentSizes a, SegmentSizes b) {
        return {a.decayed + b.decayed, a.undecayed + b.undecayed, a.last + b.last};
    }
    friend constexpr bool operator==(SegmentSizes, SegmentSizes) = default;
};

/// Where the next tensor of each segment goes.
template <class T>
struct SegmentCursor {
    T* decayed = nullptr;
    T* undecayed = nullptr;
    T* last = nullptr;

    constexpr SegmentCursor() = default;
    constexpr SegmentCursor(T* slab, SegmentSizes sizes)
        : decayed(slab), undecayed(slab + sizes.decayed), last(slab + sizes.trained()) {}
};

namespace detail {

template <class Fields>
constexpr SegmentSizes segment_sizes(Role last_role) {
    SegmentSizes sizes;
    Fields fields{};
    for_each_field(fields, [&](const auto& field, const auto& view) {
        if (field.role == Role::decayed) sizes.decayed += view.size();
        if (field.role == Role::undecayed) sizes.undecayed += view.size();
        if (field.role == last_role) sizes.last += view.size();
    });
    return sizes;
}

/// Whether fields of `role` are the same ones in both, by name and size, in the same order.
template <class A, class B>
constexpr bool same_fields(Role role) {
    const auto next = [role]<class Fields>(const Fields&, Index& at, std::string_view& name) {
        Index here = 0, size = -1;
        Fields fields{};
        for_each_field(fields, [&](const auto& field, const auto& view) {
            if (field.role != role || here++ != at) return;
            name = field.name;
            size = view.size();
        });
        ++at;
        return size;
    };
    for (Index of_a = 0, of_b = 0;;) {
        std::string_view name_a, name_b;
        const Index size_a = next(A{}, of_a, name_a), size_b = next(B{}, of_b, name_b);
        if (size_a != size_b || name_a != name_b) return false;
        if (size_a < 0) return true;
    }
}

template <class Op>
constexpr SegmentSizes parameter_segments_of() {
    using Fields = ParametersOf<Op, float>;
    static_assert(
        segment_sizes<Fields>(Role::sum).last == 0,
        "daf: a parameter is decayed, undecayed or state: sums stand among an operator's Gradients");
    return segment_sizes<Fields>(Role::state);
}
template <class Op>
constexpr SegmentSizes gradient_segments_of() {
    using P = ParametersOf<Op, float>;
    using G = GradientsOf<Op, float>;
    static_assert(
        same_fields<P, G>(Role::decayed) && same_fields<P, G>(Role::undecayed),
        "daf: Gradients must hold every decayed and undecayed tensor of Parameters, of the same name "
        "and size, in the same order: the optimizer walks through both");
    return segment_sizes<G>(Role::sum);
}

/// Binds the fields of the three segments; a field of another role stays empty.
template <class Fields, class T>
constexpr Fields bind_segments(SegmentCursor<T>& cursor, Role last_role) {
    Fields fields{};
    for_each_field(fields, [&](const auto& field, auto& view) {
        using V = std::remove_reference_t<decltype(view)>;
        T** at = field.role == Role::decayed     ? &cursor.decayed
                 : field.role == Role::undecayed ? &cursor.undecayed
                 : field.role == last_role       ? &cursor.last
                                                 : nullptr;
        if (at == nullptr) return;
        view = V(*at);
        *at += view.size();
    });
    return fields;
}

}  // namespace detail

template <class Op>
inline constexpr SegmentSizes parameter_segments = detail::parameter_segments_of<Op>();
template <class Op>
inline constexpr SegmentSizes gradient_segments = detail::gradient_segments_of<Op>();
/// Elements of an operator's (or a network's) parameters, state included.
template <class Op>
inline constexpr Index parameter_count = parameter_segments<Op>.total();
/// Elements of its gradients and sums.
template <class Op>
inline constexpr Index gradient_count = gradient_segments<Op>.total();

namespace detail {
/// The next of Op's in a slab that several operators share.
template <class Op, class T, class Space = Host>
constexpr auto next_parameters(SegmentCursor<T>& cursor) {
    return bind_segments<ParametersOf<Op, T, Space>>(cursor, Role::state);
}
template <class Op, class T, class Space = Host>
constexpr auto next_gradients(SegmentCursor<T>& cursor) {
    return bind_segments<GradientsOf<Op, T, Space>>(cursor, Role::sum);
}

template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t Extent>
inline constexpr bool is_span<std::span<T, Extent>> = true;

inline void check_count(const char* what, Index expected, std::size_t given) {
    if (static_cast<std::size_t>(expected) != given) {
        throw ArgumentError(std::string(what) + ": expected " + std::to_string(expected) + " elements, got " +
                            std::to_string(given));
    }
}

/// A range of elements that lie side by side, and stay when the call has returned; a span of them is asked
/// for by its type.
template <class Range>
concept LastingMemory = std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
    std::is_lvalue_reference_v<Range> && !is_span<std::remove_cvref_t<Range>>;

template <class Op, class Space, class Slab>
auto bind_parameter_slab(Slab slab) {
    check_count("bind: parameters", parameter_count<Op>, slab.size());
    SegmentCursor cursor(slab.data(), parameter_segments<Op>);
    return next_parameters<Op, std::remove_pointer_t<decltype(slab.data())>, Space>(cursor);
}
template <class Op, class Space, class Slab>
auto bind_gradient_slab(Slab slab) {
    check_count("bind_gradients", gradient_count<Op>, slab.size());
    SegmentCursor cursor(slab.data(), gradient_segments<Op>);
    return next_gradients<Op, std::remove_pointer_t<decltype(slab.data())>, Space>(cursor);
}
}  // namespace detail

/// The caller's memory, the host's or a GPU's, as the parameters of Op, [decayed | undecayed | state].
/// It writes nothing: initialise (net/initialise.hpp) gives first values. Throws ArgumentError unless it is
/// parameter_count<Op> elements.
template <Operator Op, class T>
auto bind(std::span<T> slab) {
    return detail::bind_parameter_slab<Op, Host>(slab);
}
template <Operator Op, class T>
auto bind(DeviceSlab<T> slab) {
    return detail::bind_parameter_slab<Op, Device>(slab);
}
/// Of a vector or an array. Takes no temporary: the views would outlive its memory.
template <Operator Op, detail::LastingMemory Memory>
auto bind(Memory&& memory) {
    return detail::bind_parameter_slab<Op, Host>(std::span(memory));
}

/// The caller's memory as the gradients of Op's parameters, [decayed | undecayed | sums]. The first two
/// segments are as in bind<Op>. It writes nothing. Throws ArgumentError unless it is gradient_count<Op>
/// elements.
template <Operator Op, class T>
auto bind_gradients(std::span<T> slab) {
    return detail::bind_gradient_slab<Op, Host>(slab);
}
template <Operator Op, class T>
auto bind_gradients(DeviceSlab<T> slab) {
    return detail::bind_gradient_slab<Op, Device>(slab);
}
template <Operator Op, detail::LastingMemory Memory>
auto bind_gradients(Memory&& memory) {
    return detail::bind_gradient_slab<Op, Host>(std::span(memory));
}

/// A read-only look at bound parameters.
template <Operator Op, class T, class Space = Host>
constexpr auto read_only(const ParametersOf<Op, T, Space>& parameters) {
    ParametersOf<Op, const T, Space> constant{};
    for_each_pair(constant, parameters, [](const auto&, auto& to, const auto& from) { to = from; });
    return constant;
}

// ---- Saved tensors ---------------------------------------------------------------------------------------

namespace detail {

template <class V>
inline constexpr bool is_batch = requires(V v) {
    v.count();
};

template <class V>
constexpr Index bytes_of(Index count) {
    constexpr auto element = static_cast<Index>(sizeof(typename V::Element));
    return align_up(V::Shape::size * element * (is_batch<V> ? count : 1));
}

}  // namespace detail

/// Bytes that Op keeps between forward and backward, beside the x and y it may read again.
template <class Op, class T>
constexpr Index saved_bytes(Index count) {
    Index bytes = 0;
    SavedOf<Op, T> saved{};
    for_each_field(saved, [&](const auto&, const auto& view) {
        bytes += detail::bytes_of<std::remove_cvref_t<decltype(view)>>(count);
    });
    return bytes;
}

/// The caller's memory (64-byte aligned, saved_bytes<Op, T>(count) of it) as the saved tensors of Op.
template <Operator Op, class T, class Space = Host>
auto bind_saved(std::byte* memory, Index count) {
    SavedOf<Op, T, Space> saved{};
    for_each_field(saved, [&](const auto&, auto& view) {
        using V = std::remove_reference_t<decltype(view)>;
        auto* at = reinterpret_cast<typename V::Element*>(memory);
        if constexpr (detail::is_batch<V>) {
            view = V(at, count);
        } else {
            view = V(at);
        }
        memory += detail::bytes_of<V>(count);
    });
    return saved;
}
/// The same of memory that knows its size, as HostMemory does. Throws ArgumentError where it is too small or
/// not aligned. Takes no temporary: the tensors would outlive their memory.
template <Operator Op, class T, class Space = Host, class Memory>
auto bind_saved(const Memory& memory, Index count) requires requires {
    { memory.data() } -> std::same_as<std::byte*>;
    { memory.size() } -> std::convertible_to<Index>;
}
{
    const Index needed = saved_bytes<Op, T>(count), given = static_cast<Index>(memory.size());
    if (given < needed) {
        throw ArgumentError(std::string(Op::Header::name) + ": saved: " + std::to_string(count) +
                            " images need " + std::to_string(needed) + " bytes, but the memory has " +
                            std::to_string(given));
    }
    if (reinterpret_cast<std::uintptr_t>(memory.data()) % alignment != 0) {
        throw ArgumentError(std::string(Op::Header::name) + ": saved: the memory must be aligned to " +
                            std::to_string(alignment) + " bytes, as HostMemory is");
    }
    return bind_saved<Op, T, Space>(memory.data(), count);
}
template <Operator Op, class T, class Space = Host, class Memory>
auto bind_saved(const Memory&& memory, Index count) requires requires {
    { memory.data() } -> std::same_as<std::byte*>;
    requires !std::ranges::borrowed_range<Memory>;
}
= delete;

}  // namespace daf
