#pragma once
// What forward and backward (core/entry.hpp) ask of their arguments at run time. What is wrong is an
// ArgumentError that names the operator and the argument.
#include <array>
#include <cstdint>
#include <daf/core/call.hpp>
#include <daf/core/deferred.hpp>
#include <span>

namespace daf::detail {

[[noreturn]] inline void throw_argument(const char* op, const std::string& message) {
    throw ArgumentError(std::string(op) + ": " + message);
}

// Messages are put together in functions that are no templates: else every tensor of every operator has the
// code for its own.

inline void check_images_fit(const char* op, Index count) {
    if (count < 1) throw_argument(op, "the batch is empty: expected at least one image");
    if (count > most_images) {
        throw_argument(op, "the batch holds " + std::to_string(count) + " images: expected at most " +
                               std::to_string(most_images));
    }
}

inline void check_enough(const char* op, Index count, Index least) {
    if (count >= least) return;
    throw_argument(op, "training needs at least " + std::to_string(least) + " images, got " +
                           std::to_string(count) + ": give it more");
}
template <class Op>
void check_training_batch(Index count) {
    constexpr Index least = images_to_train<Op>;
    if constexpr (least > 1) check_enough(Op::Header::name, count, least);
}

inline void check_memory(const char* op, const char* argument, const void* data) {
    if (data == nullptr) throw_argument(op, std::string(argument) + " is null: give it memory");
}
/// like: the argument that holds as many images as expected.
inline void check_batch(const char* op, const char* argument, const void* data, Index count, Index expected,
                        const char* like = "x") {
    if (count != expected) {
        throw_argument(op, std::string(argument) + " must hold " + std::to_string(expected) + " images as " +
                               like + " does, but holds " + std::to_string(count));
    }
    check_memory(op, argument, data);
}

[[noreturn]] inline void throw_label(const char* op, std::int32_t label, Index sample, Index classes) {
    throw_argument(op, std::string("label ") + std::to_string(label) + " of sample " +
                           std::to_string(sample) + " is not a class: expected 0 to " +
                           std::to_string(classes - 1));
}

/// A tensor of a struct of them.
struct TensorSeen {
    const char* name;
    const void* data;
    Role role;   // decayed where it is no parameter
    Index room;  // for images; none: it has one place for all of them
    static constexpr Index none = -1;
};
template <class Field, class V>
constexpr TensorSeen tensor_seen(const Field& field, const V& view) {
    TensorSeen seen{field.name, view.data(), Role::decayed, TensorSeen::none};
    if constexpr (requires { field.role; }) seen.role = field.role;
    if constexpr (is_batch<V>) seen.room = view.count();
    return seen;
}
template <class Fields>
constexpr auto tensors_seen(const Fields& fields) {
    constexpr auto list = Fields::fields();
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<TensorSeen, list.size>{tensor_seen(get<I>(list), fields.*get<I>(list).member)...};
    }
    (std::make_index_sequence<list.size>{});
}

inline void check_not_null(const char* op, const char* what, const TensorSeen& tensor, const char* advice) {
    if (tensor.data != nullptr) return;
    throw_argument(op, std::string(what) + " `" + tensor.name + "` is null: " + advice);
}
inline void check_parameters(const char* op, std::span<const TensorSeen> tensors) {
    for (const TensorSeen& tensor : tensors) check_not_null(op, "parameter", tensor, "bind it to memory");
}
inline void check_gradients(const char* op, std::span<const TensorSeen> tensors) {
    for (const TensorSeen& tensor : tensors) {
        if (tensor.role != Role::state) check_not_null(op, "gradient", tensor, "bind it");
    }
}
inline void check_saved(const char* op, std::span<const TensorSeen> tensors, Index count) {
    for (const TensorSeen& tensor : tensors) check_not_null(op, "saved tensor", tensor, "bind it to memory");
    for (const TensorSeen& tensor : tensors) {
        if (tensor.room == TensorSeen::none || tensor.room >= count) continue;
        throw_argument(op, std::string("saved tensor `") + tensor.name + "` has room for " +
                               std::to_string(tensor.room) + " images, but the batch holds " +
                               std::to_string(count));
    }
}

/// x or y, in memory or deferred.
template <class B>
void check_images(const char* op, const char* argument, const B& images, Index expected, const char* like) {
    if constexpr (is_deferred<B>) {
        check_batch(op, argument, &images, images.count(), expected, like);
        const char* maker = B::Operator::Header::name;
        check_parameters(maker, tensors_seen(images.params));
        check_saved(maker, tensors_seen(images.saved), expected);
    } else {
        check_batch(op, argument, images.data(), images.count(), expected, like);
    }
}

inline void check_apart(const char* op, const void* x, Index x_bytes, const void* y, Index y_bytes) {
    const auto from = reinterpret_cast<std::uintptr_t>(x), to = reinterpret_cast<std::uintptr_t>(y);
    if (from < to + static_cast<std::uintptr_t>(y_bytes) && to < from + static_cast<std::uintptr_t>(x_bytes))
        throw_argument(op, "y lies where x does: give it memory of its own");
}
/// x and y, unless one is deferred.
template <class X, class Y>
void check_apart(const char* op, const X& x, const Y& y) {
    if constexpr (!is_deferred<X> && !is_deferred<Y>) {
        check_apart(op, x.data(), x.size() * static_cast<Index>(sizeof(typename X::Element)), y.data(),
                    y.size() * static_cast<Index>(sizeof(typename Y::Element)));
    }
}

/// dy, in memory or deferred.
template <class DY>
void check_slopes(const char* op, const DY& dy) {
    if constexpr (is_deferred_gradient<DY>) {
        check_memory(op, "dy", dy.dy.data());
        check_saved(DY::Operator::Header::name, tensors_seen(dy.saved), dy.count());
    } else {
        check_memory(op, "dy", dy.data());
    }
}

template <class Op, class Space>
void check_side(const SideInput<Space>& side, Index count, bool training) {
    if constexpr (reads_labels<Op>) {
        check_batch(Op::Header::name, "labels", side.labels.data(), side.labels.count(), count);
        if constexpr (std::is_same_v<Space, Host>) {
            for (Index i = 0; i < count; ++i) {
                const std::int32_t label = side.labels.data()[i];
                if (label < 0 || label >= Op::classes) throw_label(Op::Header::name, label, i, Op::classes);
            }
        }
    }
    if constexpr (draws_numbers<Op>) {
        if (training && !side.draw.given()) {
            throw_argument(Op::Header::name, "it draws numbers in training: give a Draw{seed, &step, layer}");
        }
    }
}

}  // namespace daf::detail
