#pragma once
// What the attention kernels do to one position's channels: a row, contiguous, which the SIMD lanes run over.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <daf/cpu/context.hpp>
#include <type_traits>

namespace daf::cpu {

/// `size` contiguous elements as an Eigen array.
template <class T>
auto row(T* data, Index size) {
    using Array = Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>;
    return Eigen::Map<std::conditional_t<std::is_const_v<T>, const Array, Array>>(data, size);
}

/// The positions of one image, each a row of channels.
template <class T>
class Rows {
  public:
    Rows(T* data, Index channels) : data_(data), channels_(channels) {}
    auto operator[](Index position) const { return row(data_ + position * channels_, channels_); }
    T& at(Index position, Index channel) const { return data_[position * channels_ + channel]; }

  private:
    T* data_;
    Index channels_;
};

/// to = values, or to += values.
template <class Row, class Values>
void write(Row to, const Values& values, bool accumulate) {
    if (accumulate) {
        to += values;
    } else {
        to = values;
    }
}

/// a = 1 / (1 + exp(-a)), in place.
template <class T>
void apply_sigmoid(T* a, Index size) {
    for (Index i = 0; i < size; ++i) a[i] = T(1) / (T(1) + std::exp(-a[i]));
}

/// The sum of a row. As an expression, so that its order does not depend on where the row lies in memory.
template <class Row>
auto sum_of(const Row& values) {
    using T = typename Row::Scalar;
    return (values * T(1)).sum();
}

/// The first of `count` values that equals `wanted`; 0 where none does (NaN).
template <class T>
Index first_of(const T* values, Index count, T wanted) {
    constexpr Index block = 16;  // compared at once
    Index i = 0;
    for (; i + block <= count; i += block) {
        int found = 0;
        for (Index j = 0; j < block; ++j) found |= values[i + j] == wanted;
        if (found != 0) break;
    }
    while (i < count && !(values[i] == wanted)) ++i;
    return i < count ? i : 0;
}

}  // namespace daf::cpu
