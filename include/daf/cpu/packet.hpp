#pragma once
// Where Eigen's packets come in: SIMD registers, as the kernels name them.
#include <Eigen/Core>
#include <daf/core/shape.hpp>

namespace daf::cpu {

namespace packet = Eigen::internal;

template <class T>
using Packet = typename packet::packet_traits<T>::type;
/// Elements in a SIMD register.
template <class T>
inline constexpr Index lanes = packet::unpacket_traits<Packet<T>>::size;

#if defined(EIGEN_VECTORIZE_AVX512) || defined(EIGEN_VECTORIZE_NEON)
inline constexpr int accumulators = 24;  // of 32 registers
#else
inline constexpr int accumulators = 12;  // of 16 registers
#endif

/// The packet, in a register. Where several operations take it, g++ would load it again for each, and loads
/// are scarcer than registers.
template <class P>
inline P in_register(P value) {
#if defined(__x86_64__)
    asm("" : "+v"(value));
#elif defined(__aarch64__)
    asm("" : "+w"(value));
#endif
    return value;
}

}  // namespace daf::cpu
