// Frugal kernels for deep networks of width 64 in single precision: for more layers, or cards with less shared memory (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP_FRUGAL(float, f32, 64, NAME, D, SECOND) FB_DEEP_FRUGAL_TANGENT(float, f32, 64, NAME, D, SECOND)
FB_JET_SETS(BOTH)
