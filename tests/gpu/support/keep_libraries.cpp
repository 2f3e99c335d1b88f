// For LeakSanitizer, in the tests that load cuDNN: what cuDNN and the libraries that it loads keep until the
// program ends is theirs. They are known by their names, and so must not be unloaded before the report is
// made.
#include "sanitizers.hpp"

#if defined(DAF_TEST_ASAN)
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

const char* __lsan_default_suppressions() {
    return "leak:libcublasLt.so\n";
}
int dlclose(void*) {
    return 0;
}
}
// NOLINTEND(bugprone-reserved-identifier)
#endif
