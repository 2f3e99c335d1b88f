#pragma once
// Memory that must not be touched for now, as AddressSanitizer sees it: what of an arena is nobody's. In
// builds without it, nothing.
#include <cstddef>
#include <daf/core/alignment.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define DAF_FENCES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DAF_FENCES
#endif
#endif

#ifdef DAF_FENCES
// As <sanitizer/asan_interface.h> declares them, which only compilers with the sanitizer bring along.
extern "C" {
void __asan_poison_memory_region(const volatile void* at, std::size_t size);
void __asan_unpoison_memory_region(const volatile void* at, std::size_t size);
int __asan_address_is_poisoned(const volatile void* at);
}
#endif

namespace daf::fence {

#ifdef DAF_FENCES
/// Between two pieces.
inline constexpr Index bytes = alignment;
inline void close(const void* at, Index size) {
    __asan_poison_memory_region(at, static_cast<std::size_t>(size));
}
inline void open(const void* at, Index size) {
    __asan_unpoison_memory_region(at, static_cast<std::size_t>(size));
}
inline bool is_closed(const void* at) {
    return __asan_address_is_poisoned(at) != 0;
}
#undef DAF_FENCES
#else
inline constexpr Index bytes = 0;
inline void close(const void*, Index) {}
inline void open(const void*, Index) {}
inline bool is_closed(const void*) {
    return false;
}
#endif

}  // namespace daf::fence
