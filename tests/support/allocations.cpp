#include "allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {
std::atomic<long> counted{0};
}

long daf_test::allocations() {
    return counted.load();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DAF_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DAF_TEST_SANITIZED
#endif
#endif

bool daf_test::sanitizer_owns_malloc() {
#ifdef DAF_TEST_SANITIZED
    return true;
#else
    return false;
#endif
}

#ifndef DAF_TEST_SANITIZED
// glibc's own entry points stand behind the names that this file takes over.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
    ++counted;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    ++counted;
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    ++counted;
    return __libc_realloc(old, size);
}
void* memalign(std::size_t align, std::size_t size) {
    ++counted;
    return __libc_memalign(align, size);
}
void* aligned_alloc(std::size_t align, std::size_t size) {
    ++counted;
    return __libc_memalign(align, size);
}
int posix_memalign(void** at, std::size_t align, std::size_t size) {
    ++counted;
    *at = __libc_memalign(align, size);
    return *at == nullptr ? ENOMEM : 0;
}
}
#endif
