#pragma once
// What forward and backward (core/entry.hpp) ask of their arguments at run time. What is wrong is an
// ArgumentError that names the operator and the argument.
#include <daf/core/call.hpp>
#include <daf/core/deferred.hpp>

namespace daf::detail {

[[noreturn]] inline void throw_argument(const char* op, const std::string& message) {
    throw ArgumentError(std::string(op) + ": " + message);
}

// Messages are put together in functions that are no templates: else every tensor of every operator has the
// code for its own.

inline void check_not_empty(const char* op, Index count) {
    if (count < 1) throw_argument(op, "the batch is empty: expected at least one image");
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

[[noreturn]] inline void throw_null(const char* op, const char* what, const char* tensor,
                                    const char* advice) {
    throw_argument(op, std::string(what) + " `" + tensor + "` is null: " + advice);
}

[[noreturn]] inline void throw_small(const char* op, const char* tensor, Index room, Index count) {
    throw_argument(op, std::string("saved tensor `") + tensor + "` has room for " + std::to_string(room) +
                           " images, but the batch holds " + std::to_string(count));
}

[[noreturn]] inline void throw_label(const char* op, std::int32_t label, Index sample, Index classes) {
    throw_argument(op, std::string("label ") + std::to_string(label) + " of sample " +
                           std::to_string(sample) + " is not a class: expected 0 to " +
                           std::to_string(classes - 1));
}

template <class Op, class Fields>
void check_fields(const char* what, const Fields& fields) {
    for_each_field(fields, [&](const auto& field, const auto& view) {
        if (view.data() == nullptr) throw_null(Op::Header::name, what, field.name, "bind it to memory");
    });
}

template <class Op, class Fields>
void check_saved(const Fields& fields, Index count) {
    check_fields<Op>("saved tensor", fields);
    for_each_field(fields, [&](const auto& field, const auto& view) {
        if constexpr (is_batch<std::remove_cvref_t<decltype(view)>>) {
            if (view.count() < count) throw_small(Op::Header::name, field.name, view.count(), count);
        }
    });
}

/// x or y, in memory or deferred.
template <class B>
void check_images(const char* op, const char* argument, const B& images, Index expected, const char* like) {
    if constexpr (is_deferred<B>) {
        check_batch(op, argument, &images, images.count(), expected, like);
        check_fields<typename B::Operator>("parameter", images.params);
        check_saved<typename B::Operator>(images.saved, expected);
    } else {
        check_batch(op, argument, images.data(), images.count(), expected, like);
    }
}

/// dy, in memory or deferred.
template <class DY>
void check_slopes(const char* op, const DY& dy) {
    if constexpr (is_deferred_gradient<DY>) {
        check_memory(op, "dy", dy.dy.data());
        check_saved<typename DY::Operator>(dy.saved, dy.count());
    } else {
        check_memory(op, "dy", dy.data());
    }
}

template <class Op, class Fields>
void check_gradients(const Fields& fields) {
    for_each_field(fields, [&](const auto& field, const auto& view) {
        if (field.role != Role::state && view.data() == nullptr) {
            throw_null(Op::Header::name, "gradient", field.name, "bind it");
        }
    });
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
