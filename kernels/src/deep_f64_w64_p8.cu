// Frugal kernels for deep networks of width 64 in double precision: for more layers, or cards with less shared memory (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP_FRUGAL(double, f64, 64, NAME, D, SECOND) FB_DEEP_FRUGAL_TANGENT(double, f64, 64, NAME, D, SECOND)
FB_JET_SETS_5(BOTH)
FB_JET_SETS_7(BOTH)
