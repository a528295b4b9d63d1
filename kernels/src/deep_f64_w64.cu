// Kernels for deep networks of width 64 in double precision (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP(double, f64, 64, NAME, D, SECOND) FB_DEEP_TANGENT(double, f64, 64, NAME, D, SECOND)
FB_JET_SETS_5(BOTH)

#define MAIN(NAME, D, SECOND) FB_DEEP(double, f64, 64, NAME, D, SECOND)  // tangent: deep_f64_w64_p8.cu
FB_JET_SETS_7(MAIN)

#define FRUGAL(NAME, D, SECOND) \
  FB_DEEP_FRUGAL(double, f64, 64, NAME, D, SECOND) FB_DEEP_LEAST_TANGENT(double, f64, 64, NAME, D, SECOND)
FB_JET_SETS_10(FRUGAL)
