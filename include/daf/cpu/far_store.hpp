#pragma once
// Stores past the caches, for what is taken to leave them before it is read again: an ordinary store to a
// line that no cache holds reads the line first, and drives out another. Only where a packet is a whole line:
// parts of lines are slower so.
#include <cstdint>
#include <daf/cpu/gemm.hpp>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace daf::cpu {

/// Bytes from which on a tensor is taken to leave the caches before the next pass reads it.
inline constexpr Index far_map_bytes = Index{4} << 20;

template <class T>
constexpr bool leaves_caches(Index elements) {
    return elements * static_cast<Index>(sizeof(T)) > far_map_bytes;
}

/// Whether there are packets that store_far helps with.
template <class T>
inline constexpr bool has_far_stores =
#if defined(__AVX512F__)
    sizeof(Packet<T>) == 64;
#else
    false;
#endif

/// Whether store_far helps with packets from `at` on, and may be used there.
template <class T>
bool takes_far_stores(const T* at) {
    return has_far_stores<T> && reinterpret_cast<std::uintptr_t>(at) % 64 == 0;
}

#if defined(__AVX512F__)
inline void store_far(float* at, __m512 value) {
    _mm512_stream_ps(at, value);
}
inline void store_far(double* at, __m512d value) {
    _mm512_stream_pd(at, value);
}
#endif
/// *at = value. Other threads see it after finish_far_stores() on the one that stored.
template <class T, class P>
inline void store_far(T* at, const P& value) {
    packet::pstoreu(at, value);
}
inline void finish_far_stores() {
#if defined(__AVX512F__)
    _mm_sfence();
#endif
}

/// to[i] = from[i] of whole packets, where takes_far_stores(to).
template <class T>
void copy_far(const T* from, Index count, T* to) {
    for (Index i = 0; i < count; i += lanes<T>) store_far(to + i, packet::ploadu<Packet<T>>(from + i));
    finish_far_stores();
}

}  // namespace daf::cpu
