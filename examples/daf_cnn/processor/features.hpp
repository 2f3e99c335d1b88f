#pragma once
// The instruction sets that a build may use and a processor may lack.
#include <cstddef>

// Name for the compiler and for people, and the macro that the compiler defines where it may use it. A macro,
// because both are looked up by the compiler itself.
#if defined(__x86_64__)
#define DAF_CNN_FEATURES(USE)                   \
    USE("sse3", __SSE3__)                       \
    USE("ssse3", __SSSE3__)                     \
    USE("sse4.1", __SSE4_1__)                   \
    USE("sse4.2", __SSE4_2__)                   \
    USE("popcnt", __POPCNT__)                   \
    USE("avx", __AVX__)                         \
    USE("bmi", __BMI__)                         \
    USE("bmi2", __BMI2__)                       \
    USE("avx2", __AVX2__)                       \
    USE("fma", __FMA__)                         \
    USE("avx512f", __AVX512F__)                 \
    USE("avx512cd", __AVX512CD__)               \
    USE("avx512bw", __AVX512BW__)               \
    USE("avx512dq", __AVX512DQ__)               \
    USE("avx512vl", __AVX512VL__)               \
    USE("avx512ifma", __AVX512IFMA__)           \
    USE("avx512vbmi", __AVX512VBMI__)           \
    USE("avx512vbmi2", __AVX512VBMI2__)         \
    USE("avx512vnni", __AVX512VNNI__)           \
    USE("avx512bitalg", __AVX512BITALG__)       \
    USE("avx512vpopcntdq", __AVX512VPOPCNTDQ__) \
    USE("avx512bf16", __AVX512BF16__)           \
    USE("gfni", __GFNI__)                       \
    USE("vpclmulqdq", __VPCLMULQDQ__)
#else
#define DAF_CNN_FEATURES(USE)
#endif

namespace daf_cnn {

struct Feature {
    const char* name;
    bool used;  // by the code of this program
};
/// All features; the last has no name.
extern const Feature features[];

/// What the processor offers beyond what this program uses, as "avx2 fma"; "" if nothing.
const char* unused_features();

}  // namespace daf_cnn
