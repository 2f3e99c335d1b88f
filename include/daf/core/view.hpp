#pragma once
// Views: a pointer whose shape, element type and memory space stand in its type. They own nothing.
#include <cstdint>
#include <daf/core/bf16.hpp>
#include <daf/core/error.hpp>
#include <daf/core/shape.hpp>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>

namespace daf {

/// Memory that the CPU can read and write.
struct Host {};
/// Memory of a GPU.
struct Device {};

/// The element types that operators compute in.
template <class T>
concept Real = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// The element types of activations.
template <class T>
concept Activation = Real<T> || std::is_same_v<T, bf16>;

/// T is const, and U the same without it.
template <class U, class T>
concept NonConstOf = std::is_same_v<const U, T> && !std::is_same_v<U, T>;

/// One tensor of a static shape: a weight, a bias, a statistic.
template <AnyShape S, class T, class Space = Host>
class View {
  public:
    using Shape = S;
    using Element = T;
    using MemorySpace = Space;

    constexpr View() = default;
    constexpr explicit View(T* data) : data_(data) {}
    /// A writable view is also a readable one.
    template <NonConstOf<T> U>
    constexpr View(View<S, U, Space> writable) : data_(writable.data()) {}

    constexpr T* data() const { return data_; }
    constexpr T& operator[](Index i) const { return data_[i]; }
    static constexpr Index size() { return S::size; }
    /// False for a tensor that was not given.
    constexpr explicit operator bool() const { return data_ != nullptr; }

  private:
    T* data_ = nullptr;
};

/// A slab of a GPU's memory: no std::span, so that what is for the host does not compile with it.
template <class T>
class DeviceSlab {
  public:
    constexpr DeviceSlab(T* data, std::size_t size) : data_(data), size_(size) {}
    /// A writable slab is also a readable one.
    template <NonConstOf<T> U>
    constexpr DeviceSlab(DeviceSlab<U> writable) : data_(writable.data()), size_(writable.size()) {}

    constexpr T* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }

  private:
    T* data_;
    std::size_t size_;
};

/// All parameters of an operator or a network, or their gradients or moments, one after another.
template <class T, class Space>
using Slab = std::conditional_t<std::is_same_v<Space, Host>, std::span<T>, DeviceSlab<T>>;

namespace detail {
[[noreturn]] inline void throw_slice(Index first, Index count, Index of) {
    throw ArgumentError("slice: images " + std::to_string(first) + " to " + std::to_string(first + count) +
                        " (without the last) of a batch of " + std::to_string(of));
}
}  // namespace detail

/// The largest batch: the images of one are numbered by std::int32_t.
inline constexpr Index most_images = 0x7fffffff;

/// `count` images of one static shape, one after another.
template <AnyShape S, class T, class Space = Host>
class Batch {
  public:
    using Shape = S;
    using Element = T;
    using MemorySpace = Space;

    constexpr Batch() = default;
    constexpr Batch(T* data, Index count) : data_(data), count_(count) {}
    /// A writable batch is also a readable one.
    template <NonConstOf<T> U>
    constexpr Batch(Batch<S, U, Space> writable) : data_(writable.data()), count_(writable.count()) {}

    constexpr T* data() const { return data_; }
    constexpr Index count() const { return count_; }
    constexpr Index size() const { return count_ * S::size; }
    constexpr View<S, T, Space> operator[](Index image) const {
        return View<S, T, Space>(data_ + image * S::size);
    }
    /// Images first .. first + count - 1. Throws ArgumentError unless the batch has them.
    constexpr Batch slice(Index first, Index count) const {
        if (first < 0 || count < 0 || first > count_ - count) detail::throw_slice(first, count, count_);
        return {data_ + first * S::size, count};
    }

  private:
    T* data_ = nullptr;
    Index count_ = 0;
};

/// One class index per image, counted from 0.
template <class Space = Host>
using Labels = Batch<Shape<1>, const std::int32_t, Space>;

/// The caller's memory as a batch of S. Throws ArgumentError where it does not hold whole images.
/// Takes no temporary: the batch would outlive its memory.
template <AnyShape S, class Range>
requires std::is_lvalue_reference_v<Range> || std::ranges::borrowed_range<Range>
constexpr auto batch_of(Range&& values) {
    const std::span elements(values);
    using T = typename decltype(elements)::element_type;
    const auto size = static_cast<Index>(elements.size());
    if (size % S::size != 0) {
        throw ArgumentError(std::string("batch_of: expected a multiple of ") + std::to_string(S::size) +
                            " elements (whole images), got " + std::to_string(size));
    }
    return Batch<S, T, Host>(elements.data(), size / S::size);
}

/// The caller's class indices, one per image. Takes no temporary: they would outlive their memory.
template <class Range>
requires(std::is_lvalue_reference_v<Range> || std::ranges::borrowed_range<Range>) &&
    std::convertible_to<Range, std::span<const std::int32_t>> constexpr Labels<Host> labels_of(
        Range&& values) {
    const std::span<const std::int32_t> elements(values);
    return {elements.data(), static_cast<Index>(elements.size())};
}
// Integers of another type are named.
template <class Range>
requires(!std::same_as<std::ranges::range_value_t<Range>, std::int32_t> &&
         std::integral<std::ranges::range_value_t<Range>>) constexpr Labels<Host> labels_of(Range&&) {
    static_assert(
        std::same_as<std::ranges::range_value_t<Range>, std::int32_t>,
        "daf: labels_of takes signed 32-bit class indices: copy them to a std::vector<std::int32_t>");
    return {};
}

}  // namespace daf
