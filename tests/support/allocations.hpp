#pragma once
// Counts every allocation of the process: operator new and malloc alike.

namespace daf_test {

/// How many allocations there have been so far, on all threads. Always 0 where a sanitizer owns malloc.
long allocations();

}  // namespace daf_test
