// Kernels for deep networks of width 128 in double precision (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP_FRUGAL(double, f64, 128, NAME, D, SECOND) FB_DEEP_FRUGAL_TANGENT(double, f64, 128, NAME, D, SECOND)
FB_JET_SETS_5(BOTH)
FB_JET_SETS_7(BOTH)

#define FRUGAL(NAME, D, SECOND) \
  FB_DEEP_FRUGAL(double, f64, 128, NAME, D, SECOND) FB_DEEP_LEAST_TANGENT(double, f64, 128, NAME, D, SECOND)
FB_JET_SETS_10(FRUGAL)
