#pragma once
// Channels as SIMD packets: how the channels-last passes over a map walk its innermost axis.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <daf/cpu/gemm.hpp>

namespace daf::cpu {

template <class P>
inline constexpr Index packet_size = packet::unpacket_traits<P>::size;

/// As many of the channels as fill packets.
template <class T>
constexpr Index whole_packets(Index channels) {
    return channels / lanes<T> * lanes<T>;
}

/// Copies fewer elements than a packet holds, by halves of it: a call of memcpy takes longer.
template <class T, Index Half = lanes<T> / 2>
inline void copy_part_of_packet(const T* from, Index count, T* to) {
    if constexpr (Half > 0) {
        if ((count & Half) != 0) {
            std::memcpy(to, from, Half * sizeof(T));
            from += Half;
            to += Half;
        }
        copy_part_of_packet<T, Half / 2>(from, count, to);
    }
}

/// body<P>(c) for every whole packet of the channels from `first` on, that from c on, then for what remains:
/// halves of a packet, halves of those, and at last, with P = T, single ones.
template <class T, Index Lanes = lanes<T>, class Body>
inline void for_each_packet(Index channels, const Body& body, Index first = 0) {
    if constexpr (packet_size<typename packet::find_best_packet<T, Lanes>::type> == Lanes) {
        using P = typename packet::find_best_packet<T, Lanes>::type;
        const Index last = first + (channels - first) / Lanes * Lanes;
        for (Index c = first; c < last; c += Lanes) body.template operator()<P>(c);
        for_each_packet<T, Lanes / 2>(channels, body, last);
    } else {
        for (Index c = first; c < channels; ++c) body.template operator()<T>(c);
    }
}

/// max(0, value); a NaN stays visible.
template <class P>
inline P rectified(const P& value) {
    using T = typename packet::unpacket_traits<P>::type;
    const P zero = packet::pset1<P>(T(0));
    return packet::pselect(packet::pcmp_lt(value, zero), zero, value);
}

/// The square root, correctly rounded: Eigen's is an approximation that differs between processors.
template <class P>
inline P square_root(const P& value) {
    using T = typename packet::unpacket_traits<P>::type;
    T lane[packet_size<P>];
    packet::pstoreu(lane, value);
    for (T& v : lane) v = std::sqrt(v);
    return packet::ploadu<P>(lane);
}
#if defined(EIGEN_VECTORIZE_AVX512)
// Masked, for g++ 12 finds the others undefined (GCC bug 105593).
inline __m512 square_root(const __m512& value) {
    return _mm512_maskz_sqrt_ps(0xffff, value);
}
inline __m512d square_root(const __m512d& value) {
    return _mm512_maskz_sqrt_pd(0xff, value);
}
#elif defined(EIGEN_VECTORIZE_AVX)
inline __m256 square_root(const __m256& value) {
    return _mm256_sqrt_ps(value);
}
inline __m256d square_root(const __m256d& value) {
    return _mm256_sqrt_pd(value);
}
#elif defined(EIGEN_VECTORIZE_SSE2)
inline __m128 square_root(const __m128& value) {
    return _mm_sqrt_ps(value);
}
inline __m128d square_root(const __m128d& value) {
    return _mm_sqrt_pd(value);
}
#elif defined(EIGEN_VECTORIZE_NEON) && EIGEN_ARCH_ARM64
inline float32x4_t square_root(const float32x4_t& value) {
    return vsqrtq_f32(value);
}
inline float64x2_t square_root(const float64x2_t& value) {
    return vsqrtq_f64(value);
}
#endif

/// The sum of the lanes, which lie in memory and are overwritten: the upper half joins the lower, and so on.
/// (g++ 12 finds undefined values in Eigen's own reductions, GCC bug 105593, in whoever includes this.)
template <class T, Index Lanes = lanes<T>>
T sum_of_lanes(T* lane) {
    if constexpr (Lanes == 1) {
        return lane[0];
    } else {
        constexpr int half = static_cast<int>(Lanes / 2);
        using Lower = Eigen::Array<T, half, 1>;
        Eigen::Map<Lower>(lane) += Eigen::Map<const Lower>(lane + half);
        return sum_of_lanes<T, half>(lane);
    }
}

/// Packets of a strip of channels: as many as keep their sums in registers.
inline constexpr int strip_packets = accumulators >= 24 ? 4 : 2;

/// body<P, Count>(first) for strips of Count packets: several at once, then what remains as for_each_packet
/// does.
template <class T, class Body>
inline void for_each_strip(Index channels, const Body& body) {
    constexpr Index strip = strip_packets * lanes<T>;
    const Index in_strips = channels / strip * strip;
    for (Index c = 0; c < in_strips; c += strip) body.template operator()<Packet<T>, strip_packets>(c);
    for_each_packet<T>(
        channels, [&]<class P>(Index c) { body.template operator()<P, 1>(c); }, in_strips);
}

/// body(first, width) for blocks of channels whose running values lie on the stack, in the nearest cache.
inline constexpr Index channel_block = 64;
template <class Body>
inline void for_each_channel_block(Index channels, const Body& body) {
    for (Index first = 0; first < channels; first += channel_block) {
        body(first, std::min(channel_block, channels - first));
    }
}

/// The largest value that each lane has met, and where. The first of equals stays; a NaN wins.
template <class T, class P>
struct Largest {
    P value;
    P place;  // a number of T: positions are small, and so both fill the same lanes

    explicit Largest(const T* first) : value(packet::ploadu<P>(first)), place(packet::pset1<P>(T(0))) {}
    /// As stored.
    Largest(const T* values, const T* places)
        : value(packet::ploadu<P>(values)), place(packet::ploadu<P>(places)) {}

    void meet(const T* x, Index at) {
        const P met = packet::ploadu<P>(x);
        const P keeps = packet::pandnot(packet::pcmp_eq(met, met), packet::pcmp_lt(value, met));
        value = packet::pselect(keeps, value, met);
        place = packet::pselect(keeps, place, packet::pset1<P>(static_cast<T>(at)));
    }

    void store(T* values, T* places) const {
        packet::pstoreu(values, value);
        packet::pstoreu(places, place);
    }
};

/// Places as they are saved. To an int first: compilers have instructions for either step, not for both in
/// one.
template <class T, class To>
void store_places(const T* places, Index count, To* to) {
    for (Index i = 0; i < count; ++i) to[i] = static_cast<To>(static_cast<std::int32_t>(places[i]));
}
/// And back. Slow where the count is a small constant: g++ 12 unrolls the loop before it thinks of vectors.
template <class From, class T>
void load_places(const From* places, Index count, T* to) {
    for (Index i = 0; i < count; ++i) to[i] = static_cast<T>(static_cast<std::int32_t>(places[i]));
}

}  // namespace daf::cpu
