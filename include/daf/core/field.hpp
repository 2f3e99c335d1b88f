#pragma once
// How an operator describes its tensors: a struct of views, and a list that names each of them. From the list
// follow the sizes, the slabs, the initial values and the names in a checkpoint; nobody writes those twice.
#include <daf/core/tuple.hpp>
#include <daf/core/view.hpp>

namespace daf {

/// What a parameter is, and so in which segment of the flat slab it lies.
enum class Role {
    decayed,    // a weight: trained, with weight decay
    undecayed,  // a bias, a scale, a trained centre: trained, without decay
    state,      // not trained by gradient: running statistics
    sum,        // only among gradients: what a step adds up for update_centres; ranks add theirs up
};

/// The distribution of a parameter's first values.
struct Init {
    enum class Kind { constant, normal, uniform } kind = Kind::constant;
    double size = 0;  // the constant; a normal's standard deviation; half the width of a uniform distribution
};

namespace init {

/// 1 / sqrt(value) without <cmath>, so that it is a constant (Newton; the shape gives the value).
constexpr double inverse_sqrt(double value) {
    double root = value > 1 ? value : 1;
    for (int i = 0; i < 64; ++i) root = 0.5 * (root + value / root);
    return 1 / root;
}

constexpr Init constant(double value) {
    return {Init::Kind::constant, value};
}
inline constexpr Init zeros = constant(0);
inline constexpr Init ones = constant(1);
constexpr Init normal(double deviation) {
    return {Init::Kind::normal, deviation};
}
/// He et al. 2015, for a ReLU behind: normal, of variance 2 / fan_in.
constexpr Init he(Index fan_in) {
    return normal(inverse_sqrt(static_cast<double>(fan_in) / 2));
}
/// Glorot and Bengio 2010: U(-b, b), b = sqrt(6 / (fan_in + fan_out)).
constexpr Init glorot(Index fan_in, Index fan_out) {
    return {Init::Kind::uniform, inverse_sqrt(static_cast<double>(fan_in + fan_out) / 6)};
}

}  // namespace init

/// Where a tensor's axes stand in PyTorch's layout of it: axis i there is our axis order[i], and the axes
/// from `rank` on are folded into the last one. rank 0: the layouts agree.
struct PytorchLayout {
    std::array<std::size_t, 4> order{};
    std::size_t rank = 0;
};

inline constexpr PytorchLayout same_layout{};
/// A convolution's (K, K, in, out) against PyTorch's (out, in, K, K).
inline constexpr PytorchLayout convolution_layout{{3, 2, 0, 1}, 4};
/// A linear layer's (H, W, C, out) against PyTorch's (out, C*H*W).
inline constexpr PytorchLayout linear_map_layout{{3, 2, 0, 1}, 2};
/// A linear layer's (in, out) against PyTorch's (out, in).
inline constexpr PytorchLayout linear_layout{{1, 0, 2, 3}, 2};

/// One parameter (or gradient) of an operator: its name (PyTorch's), which member holds it, role, first
/// values.
template <class Member>
struct Parameter {
    const char* name;
    Member member;
    Role role;
    Init init{};
    PytorchLayout layout{};
};
template <class M>
Parameter(const char*, M, Role, Init, PytorchLayout) -> Parameter<M>;
template <class M>
Parameter(const char*, M, Role, Init) -> Parameter<M>;
template <class M>
Parameter(const char*, M, Role) -> Parameter<M>;

/// One tensor that an operator keeps for backward.
template <class Member>
struct SavedTensor {
    const char* name;
    Member member;
};
template <class M>
SavedTensor(const char*, M) -> SavedTensor<M>;

/// For an operator without parameters, or one that keeps nothing of its own for backward.
struct Nothing {
    static constexpr auto fields() { return Tuple<>{}; }
};

/// Calls visit(field, fields_struct.*member) for every field.
template <class Fields, class Visit>
constexpr void for_each_field(Fields& fields, Visit&& visit) {
    constexpr auto list = Fields::fields();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (visit(get<I>(list), fields.*get<I>(list).member), ...);
    }
    (std::make_index_sequence<list.size>{});
}

/// The same with the members of two structs of the same fields: parameters and their gradients, say.
template <class First, class Second, class Visit>
constexpr void for_each_pair(First& first, Second& second, Visit&& visit) {
    constexpr auto a = First::fields();
    constexpr auto b = Second::fields();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (visit(get<I>(a), first.*get<I>(a).member, second.*get<I>(b).member), ...);
    }
    (std::make_index_sequence<a.size>{});
}

}  // namespace daf
