#pragma once
// Counts every allocation of the process: operator new and malloc alike.

namespace daf_test {

/// How many allocations there have been so far, on all threads. Always 0 where a sanitizer owns malloc.
long allocations();

/// Whether one does. Its operator new ends the program where there is no memory to be had.
bool sanitizer_owns_malloc();

}  // namespace daf_test
