#pragma once
// Memory whose edges are watched.
#include <algorithm>
#include <cstddef>
#include <daf/core/bf16.hpp>
#include <daf/core/shape.hpp>
#include <span>
#include <type_traits>
#include <vector>

namespace daf_test {

using daf::Index;

/// Elements of any type between two canaries, which AddressSanitizer lets nobody touch. 64-byte aligned.
class Buffer {
  public:
    enum class Element { f64, f32, bf16, other };

    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    Index size() const { return count_; }
    Element element() const { return element_; }

    /// Numbers, whatever holds them.
    double get(Index i) const;
    void set(Index i, double value);
    std::vector<double> widened() const;
    void set_all(const std::vector<double>& values);

    /// All bits set: a NaN, a -1.
    void poison();
    bool edges_whole();

  protected:
    Buffer(Element element, Index count, std::size_t element_bytes);
    ~Buffer();
    std::byte* begin() { return memory_.data() + offset_; }

  private:
    template <class T>
    T* as() const;
    void close_edges();
    void open_edges();

    Element element_;
    Index count_;
    std::size_t bytes_;
    std::vector<std::byte> memory_;
    std::size_t offset_;
};

template <class T>
class Guarded : public Buffer {
  public:
    explicit Guarded(Index count) : Buffer(element_of_t(), count, sizeof(T)) {}

    T* data() { return reinterpret_cast<T*>(begin()); }
    T& operator[](Index i) { return data()[i]; }
    std::span<T> span() { return {data(), static_cast<std::size_t>(size())}; }
    std::vector<T> copy() { return {data(), data() + size()}; }
    void fill(T value) { std::fill_n(data(), size(), value); }

  private:
    static constexpr Element element_of_t() {
        return std::is_same_v<T, double>      ? Element::f64
               : std::is_same_v<T, float>     ? Element::f32
               : std::is_same_v<T, daf::bf16> ? Element::bf16
                                              : Element::other;
    }
};

}  // namespace daf_test
