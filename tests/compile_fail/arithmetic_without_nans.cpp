// expect: a NaN must be seen to be refused: give -fno-finite-math-only behind -ffast-math or -Ofast
#ifdef DAF_FAIL
#pragma GCC diagnostic ignored "-Wbuiltin-macro-redefined"
#undef __FINITE_MATH_ONLY__
#define __FINITE_MATH_ONLY__ 1  // as -ffast-math does
#endif
#include <daf/core/error.hpp>
