#pragma once
// Stores past the caches: for what is taken to leave them before it is read again, since an ordinary store to
// a line that no cache holds reads the line first, and drives out another; and for what another core reads
// that shares no cache with this one, since an ordinary store to a line that the other has read waits until
// it has let go of it. Only where a packet is a whole line: parts of lines are slower so.
#include <cstdint>
#include <daf/cpu/packet.hpp>
#include <limits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace daf::cpu {

/// Bytes from which on maps are taken to leave the caches before the next pass reads them. A quarter is
/// enough where pixels lie so far apart that a tile's fall on the same few lines of a core's nearest cache,
/// for which its stores wait.
inline constexpr Index far_map_bytes = Index{16} << 20, wide_pixel_bytes = 2048;

/// Whether a batch's maps, so many elements in all, go past the caches.
template <class T>
constexpr bool goes_past_caches(Index elements, Index channels) {
    constexpr Index element = sizeof(T);
    return elements * element > (channels * element < wide_pixel_bytes ? far_map_bytes : far_map_bytes / 4);
}

/// Whether there are packets that store_far helps with.
template <class T>
inline constexpr bool has_far_stores =
#if defined(__AVX512F__)
    sizeof(Packet<T>) == 64;
#else
    false;
#endif

/// Whether maps that go past the caches are stored so: where their pixels are whole packets.
template <class T>
constexpr bool stored_past_caches(Index elements, Index channels) {
    return has_far_stores<T> && channels % lanes<T> == 0 && goes_past_caches<T>(elements, channels);
}

/// Bytes that threads may hand to each other through the last cache: half of it. AMD's groups of cores (which
/// have SSE4a) have 32 MB; Intel's several times what there is to hand over.
#if defined(__SSE4A__)
inline constexpr Index most_handed_bytes = Index{16} << 20;
#else
inline constexpr Index most_handed_bytes = std::numeric_limits<Index>::max();
#endif

/// Whether so many elements that threads hand to each other go past the caches: where the last cache has no
/// room for them, or where the threads' cores are apart.
template <class T>
constexpr bool hands_past_caches(Index elements, bool cores_apart) {
    return has_far_stores<T> && (cores_apart || elements > most_handed_bytes / Index{sizeof(T)});
}

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
