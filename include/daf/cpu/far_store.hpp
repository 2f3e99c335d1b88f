#pragma once
// Stores past the caches, for what leaves them before it is read again: an ordinary store to a line that no cache holds reads
// the line first, and drives out another.
#include <cstdint>
#include <daf/cpu/gemm.hpp>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace daf::cpu {

/// Bytes of a tensor that no cache holds until the pass after the one that writes it.
inline constexpr Index far_map_bytes = Index{16} << 20;

/// Whether store_far may store packets there.
template <class T>
bool far_aligned(const T* at) {
    return reinterpret_cast<std::uintptr_t>(at) % sizeof(Packet<T>) == 0;
}

namespace detail {

template <class T, class P>
void stream(T* at, const P& value) = delete;  // no such instruction
#if defined(__AVX512F__)
inline void stream(float* at, __m512 value) {
    _mm512_stream_ps(at, value);
}
inline void stream(double* at, __m512d value) {
    _mm512_stream_pd(at, value);
}
#elif defined(__AVX__)
inline void stream(float* at, __m256 value) {
    _mm256_stream_ps(at, value);
}
inline void stream(double* at, __m256d value) {
    _mm256_stream_pd(at, value);
}
#elif defined(__SSE2__)
inline void stream(float* at, __m128 value) {
    _mm_stream_ps(at, value);
}
inline void stream(double* at, __m128d value) {
    _mm_stream_pd(at, value);
}
#endif

}  // namespace detail

/// *at = value, where that is aligned to packets. Other threads see it after finish_far_stores() on the one that stored.
template <class P, class T>
inline void store_far(T* at, const P& value) {
    if constexpr (requires { detail::stream(at, value); }) {
        detail::stream(at, value);
    } else {
        packet::pstoreu(at, value);
    }
}
inline void finish_far_stores() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

}  // namespace daf::cpu
