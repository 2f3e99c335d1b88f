#pragma once
// Neighbouring elements moved in one access: a kernel that streams maps asks for 16 bytes a thread.
#include <cstdint>
#include <daf/core/bf16.hpp>
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
struct alignas(W * sizeof(T) < 16 ? W * sizeof(T) : 16) Pack {
    T values[W];

    DAF_HOST_DEVICE T& operator[](Index k) { return values[k]; }
    DAF_HOST_DEVICE const T& operator[](Index k) const { return values[k]; }
};

/// What lies at `from`, a multiple of W elements or of 16 bytes, as it is stored: those of bf16 take half the
/// registers until they are used.
template <Index W, class T>
DAF_HOST_DEVICE Pack<std::remove_const_t<T>, W> read(T* from) {
    return *reinterpret_cast<const Pack<std::remove_const_t<T>, W>*>(from);
}
/// The same in the type that is computed in.
template <Index W, class T>
DAF_HOST_DEVICE Pack<Wide<std::remove_const_t<T>>, W> load(T* from) {
    using Stored = std::remove_const_t<T>;
    const auto stored = read<W>(from);
    if constexpr (std::is_same_v<Stored, Wide<Stored>>) {
        return stored;
    } else {
        Pack<Wide<Stored>, W> pack;
        for (Index k = 0; k < W; ++k) pack[k] = stored[k];
        return pack;
    }
}
/// And that of a pack as it is stored.
template <class T, Index W>
DAF_HOST_DEVICE Pack<Wide<T>, W> widened(const Pack<T, W>& stored) {
    return load<W>(stored.values);
}

/// Two neighbours, rounded: by a single instruction where the GPU has it.
DAF_HOST_DEVICE inline Pack<bf16, 2> rounded_pair(float first, float second) {
#if DAF_GPU_ROUNDS_TO_BF16
    std::uint32_t bits;  // the first in the lower half
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
    return __builtin_bit_cast(Pack<bf16, 2>, bits);
#else
    return {{bf16(first), bf16(second)}};
#endif
}

/// Rounded to T, where that is narrower.
template <class T, Index W>
DAF_HOST_DEVICE Pack<T, W> narrowed(const Pack<Wide<T>, W>& pack) {
    if constexpr (std::is_same_v<T, Wide<T>>) {
        return pack;
    } else {
        Pack<T, W> narrow;
        for (Index k = 0; k + 1 < W; k += 2) {
            const Pack<bf16, 2> pair = rounded_pair(pack[k], pack[k + 1]);
            narrow[k] = pair[0], narrow[k + 1] = pair[1];
        }
        if constexpr (W % 2 != 0) narrow[W - 1] = static_cast<T>(pack[W - 1]);
        return narrow;
    }
}

/// To `to`, a multiple of W elements or of 16 bytes, rounded where T is narrower than the pack's.
template <class T, Index W>
DAF_HOST_DEVICE void store(T* to, const Pack<Wide<T>, W>& pack) {
    *reinterpret_cast<Pack<T, W>*>(to) = narrowed<T>(pack);
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

/// What lies at `from`, which may be anywhere, a multiple of W elements into an array: parameters. In as few
/// accesses as its place allows.
template <Index W, class T>
DAF_HOST_DEVICE Pack<T, W> load_parameters(const T* from) {
    constexpr Index two = W % 2 == 0 ? 2 : 1;
    const auto address = reinterpret_cast<std::uintptr_t>(from);
    if (address % alignof(Pack<T, W>) == 0) return load<W>(from);
    Pack<T, W> pack;
    if (address % alignof(Pack<T, two>) == 0) {
        for (Index k = 0; k < W; k += two) {
            const Pack<T, two> some = load<two>(from + k);
            for (Index i = 0; i < two; ++i) pack[k + i] = some[i];
        }
    } else {
        for (Index k = 0; k < W; ++k) pack[k] = from[k];
    }
    return pack;
}

/// body(width), the width the widest of T if `wide`, which takes rows of a multiple of that many elements,
/// else 1.
template <class T, Index Columns, class Body>
void with_width(bool wide, const Body& body) {
    if constexpr (Columns % widest<T> == 0) {
        if (wide) return body(Width<widest<T>>{});
    }
    body(Width<1>{});
}

}  // namespace daf::gpu
