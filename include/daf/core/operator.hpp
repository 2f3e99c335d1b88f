#pragma once
// What an operator is, and what follows from its description: sizes, bound views.
//
// An operator is a small struct whose shapes stand in its type and which is free of the element type. Most
// are empty; a figure that a user may want to set at run time (a margin, a rate) is a member with a default:
//
//   struct Op {
//       using Header = header::op;                        // its kernels are in daf/<backend>/op.hpp
//       using Input = Shape<...>;  using Output = Shape<...>;
//       template <class T, class Space = Host>
//       struct Parameters { ...views; static constexpr auto fields(); };
//       template <class T, class Space = Host>
//       struct Saved { ...views; static constexpr auto fields(); };
//       static constexpr bool backward_reads_x, backward_reads_y;
//   };
//
// `Nothing` stands in for a missing Parameters or Saved. An operator some of whose parameters follow sums
// over the batch instead of gradients (Eq 12) declares `Gradients` too; otherwise its gradients look like its
// parameters, the state left out.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <daf/core/field.hpp>
#include <daf/core/random.hpp>
#include <span>
#include <string>

namespace daf {

/// Whether a forward pass is followed by a backward one. Eval saves nothing and reads parameters only.
enum class Mode { train, eval };
inline constexpr Mode train = Mode::train;
inline constexpr Mode eval = Mode::eval;

/// An operator of the library (or of a user: docs/adding_an_operator.md).
template <class Op>
concept Operator = std::is_aggregate_v<Op> && std::is_trivially_copyable_v<Op> &&
    AnyShape<typename Op::Input> && AnyShape<typename Op::Output> && requires {
    { Op::Header::name } -> std::convertible_to<const char*>;
    { Op::backward_reads_x } -> std::convertible_to<bool>;
    { Op::backward_reads_y } -> std::convertible_to<bool>;
};

/// True for operators that read class labels beside x: the losses.
template <class Op>
inline constexpr bool reads_labels = false;
template <class Op>
requires(Op::classes > 0) inline constexpr bool reads_labels<Op> = true;

/// Images that a training pass needs at least: 2 where a variance is taken over the images alone.
template <class Op>
inline constexpr Index images_to_train = 1;
template <class Op>
requires(Op::least_training_batch >= 1) inline constexpr Index images_to_train<Op> = Op::least_training_batch;

/// Throws ArgumentError for a figure of an operator's that cannot be: what its check() says, where it has
/// one. Owners (Model, Evaluator, Inference) check when they are made, entry points before a kernel runs.
template <class Op>
constexpr void check_figures(const Op& op) {
    if constexpr (requires { op.check(); }) op.check();
}

/// True for operators that draw random numbers in training: dropout.
template <class Op>
inline constexpr bool draws_numbers = requires {
    requires Op::draws;
};

namespace detail {

template <class Op, class T, class Space>
struct parameters_of {
    using type = Nothing;
};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Parameters<T, Space>;
}
struct parameters_of<Op, T, Space> {
    using type = typename Op::template Parameters<T, Space>;
};

template <class Op, class T, class Space>
struct gradients_of : parameters_of<Op, T, Space> {};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Gradients<T, Space>;
}
struct gradients_of<Op, T, Space> {
    using type = typename Op::template Gradients<T, Space>;
};

template <class Op, class T, class Space>
struct saved_of {
    using type = Nothing;
};
template <class Op, class T, class Space>
requires requires {
    typename Op::template Saved<T, Space>;
}
struct saved_of<Op, T, Space> {
    using type = typename Op::template Saved<T, Space>;
};

}  // namespace detail

/// With activations of T parameters and gradients are of Wide<T>: ParametersOf<Op, Wide<T>>,
/// GradientsOf<Op, Wide<T>>. What an operator saves is named by T; its statistics are of Wide<T> even so.
template <class Op, class T, class Space = Host>
using ParametersOf = typename detail::parameters_of<Op, T, Space>::type;
template <class Op, class T, class Space = Host>
using GradientsOf = typename detail::gradients_of<Op, T, Space>::type;
template <class Op, class T, class Space = Host>
using SavedOf = typename detail::saved_of<Op, T, Space>::type;

/// The type of Op's outputs: that of its inputs, but a loss is of Wide<T>.
template <class Op, class T>
using OutputElement = std::conditional_t<reads_labels<Op>, Wide<T>, T>;

// ---- Slabs: all parameters (or gradients, or moments) of a kind in one piece of memory --------------------

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
inline constexpr SegmentSizes parameter_segments =
    detail::segment_sizes<ParametersOf<Op, float>>(Role::state);
template <class Op>
inline constexpr SegmentSizes gradient_segments = detail::segment_sizes<GradientsOf<Op, float>>(Role::sum);
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

inline void check_count(const char* what, Index expected, std::size_t given) {
    if (static_cast<std::size_t>(expected) != given) {
        throw ArgumentError(std::string(what) + ": expected " + std::to_string(expected) + " elements, got " +
                            std::to_string(given));
    }
}

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

/// A read-only look at bound parameters.
template <Operator Op, class T, class Space = Host>
constexpr auto read_only(const ParametersOf<Op, T, Space>& parameters) {
    ParametersOf<Op, const T, Space> constant{};
    for_each_pair(constant, parameters, [](const auto&, auto& to, const auto& from) { to = from; });
    return constant;
}

// ---- Saved tensors ---------------------------------------------------------------------------------------

/// Every saved tensor and every piece of scratch starts on a cache line.
inline constexpr Index alignment = 64;
constexpr Index align_up(Index bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
}

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
