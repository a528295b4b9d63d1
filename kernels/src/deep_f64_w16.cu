// Kernels for deep networks of width 16 in double precision (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP(double, f64, 16, NAME, D, SECOND) FB_DEEP_TANGENT(double, f64, 16, NAME, D, SECOND)
FB_JET_SETS_5(BOTH)

// Two tiles of 6 or 7 components need the registers of the frugal form.
#define MIXED(NAME, D, SECOND) \
  FB_DEEP(double, f64, 16, NAME, D, SECOND) FB_DEEP_FRUGAL_TANGENT(double, f64, 16, NAME, D, SECOND)
FB_JET_SETS_7(MIXED)

#define LEAST(NAME, D, SECOND) \
  FB_DEEP_LEAST(double, f64, 16, NAME, D, SECOND) FB_DEEP_LEAST_TANGENT(double, f64, 16, NAME, D, SECOND)
FB_JET_SETS_10(LEAST)
