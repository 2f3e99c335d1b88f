#pragma once
// What the sanitizers must be told about fibers: a switch of stacks, which accesses are the scheduler's own,
// and which barrier orders what. Without a sanitizer all of it is nothing.
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define DAF_TEST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DAF_TEST_ASAN
#endif
#endif
// DAF_TEST_TSAN comes from CMake: the scheduler itself is compiled without ThreadSanitizer.

#if defined(DAF_TEST_ASAN)
#include <sanitizer/common_interface_defs.h>
#elif defined(DAF_TEST_TSAN)
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace daf_test::sanitizer {

/// A stack that code runs on: a fiber's, or the thread's own.
struct Stack {
    const void* bottom = nullptr;
    std::size_t size = 0;
    void* fake = nullptr;   // AddressSanitizer's record of it while another one runs
    void* fiber = nullptr;  // ThreadSanitizer's thread
};

inline void make_fiber([[maybe_unused]] Stack& stack) {
#if defined(DAF_TEST_TSAN)
    stack.fiber = __tsan_create_fiber(0);
#endif
}
inline void end_fiber([[maybe_unused]] Stack& stack) {
#if defined(DAF_TEST_TSAN)
    __tsan_destroy_fiber(stack.fiber);
#endif
}
/// The stack that is running, before it switches for the first time.
inline void note_current([[maybe_unused]] Stack& stack) {
#if defined(DAF_TEST_TSAN)
    stack.fiber = __tsan_get_current_fiber();
#endif
}

/// Just before a switch. It orders nothing: what one fiber wrote, another sees only after a barrier.
inline void leave([[maybe_unused]] Stack& from, [[maybe_unused]] const Stack& to,
                  [[maybe_unused]] bool for_good = false) {
#if defined(DAF_TEST_ASAN)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake, to.bottom, to.size);
#elif defined(DAF_TEST_TSAN)
    __tsan_switch_to_fiber(to.fiber, __tsan_switch_to_fiber_no_sync);
#endif
}
/// Just after one, on the stack that goes on; `from` learns where the other stack lies.
inline void arrive([[maybe_unused]] Stack& here, [[maybe_unused]] Stack& from) {
#if defined(DAF_TEST_ASAN)
    __sanitizer_finish_switch_fiber(here.fake, &from.bottom, &from.size);
#endif
}

/// In its scope, allocations and the C library's accesses are the scheduler's own: nobody races with them.
class [[maybe_unused]] Unseen {
  public:
#if defined(DAF_TEST_TSAN)
    Unseen() {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~Unseen() {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    }
#else
    Unseen() = default;
#endif
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
};

/// What was done before publish(token) comes before what is done after observe(token).
inline void publish([[maybe_unused]] char& token) {
#if defined(DAF_TEST_TSAN)
    __tsan_release(&token);
#endif
}
inline void observe([[maybe_unused]] char& token) {
#if defined(DAF_TEST_TSAN)
    __tsan_acquire(&token);
#endif
}

}  // namespace daf_test::sanitizer
