#pragma once
// Neighbouring elements moved in one access: a kernel that streams maps asks the memory for 16 bytes a thread.
#include <cstdint>
#include <daf/gpu/block.hpp>
#include <type_traits>

namespace daf::gpu {

/// Elements of T in 16 bytes, the most that is moved at once.
template <class T>
inline constexpr Index widest = 16 / Index{sizeof(T)};

/// How many neighbours a body is asked to handle, as an argument.
template <Index W>
using Width = std::integral_constant<Index, W>;

/// W neighbours in registers.
template <class T, Index W>
struct alignas(W * sizeof(T)) Pack {
    T values[W];

    DAF_HOST_DEVICE T& operator[](Index k) { return values[k]; }
    DAF_HOST_DEVICE const T& operator[](Index k) const { return values[k]; }
};

/// `from` lies on a multiple of the pack's size.
template <Index W, class T>
DAF_HOST_DEVICE Pack<std::remove_const_t<T>, W> load(T* from) {
    return *reinterpret_cast<const Pack<std::remove_const_t<T>, W>*>(from);
}
/// `to` lies on a multiple of the pack's size.
template <class T, Index W>
DAF_HOST_DEVICE void store(T* to, const Pack<T, W>& pack) {
    *reinterpret_cast<Pack<T, W>*>(to) = pack;
}

/// of(0), of(1) ...
template <class T, Index W, class Of>
DAF_HOST_DEVICE Pack<T, W> pack_of(const Of& of) {
    Pack<T, W> pack;
    for (Index k = 0; k < W; ++k) pack[k] = of(k);
    return pack;
}

template <class T, Index W>
DAF_HOST_DEVICE Pack<T, W> operator*(Pack<T, W> a, const Pack<T, W>& b) {
    for (Index k = 0; k < W; ++k) a[k] *= b[k];
    return a;
}
template <class T, Index W>
DAF_HOST_DEVICE Pack<T, W> operator*(Pack<T, W> a, T b) {
    for (T& value : a.values) value *= b;
    return a;
}
template <class T, Index W>
DAF_HOST_DEVICE Pack<T, W> operator+(Pack<T, W> a, const Pack<T, W>& b) {
    for (Index k = 0; k < W; ++k) a[k] += b[k];
    return a;
}

/// Whether all of these may be read or written 16 bytes at a time. Null, for what is not wanted, may.
template <class... T>
bool aligned(const T*... pointers) {
    return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

/// body(width), the width the widest of T if `wide`, which takes rows of a multiple of that many elements, else 1.
template <class T, Index Columns, class Body>
void with_width(bool wide, const Body& body) {
    if constexpr (Columns % widest<T> == 0) {
        if (wide) return body(Width<widest<T>>{});
    }
    body(Width<1>{});
}

}  // namespace daf::gpu
