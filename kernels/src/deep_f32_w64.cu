// Kernels for deep networks of width 64 in single precision (deep.cuh).
#include "deep.cuh"

#define BOTH(NAME, D, SECOND) \
  FB_DEEP(float, f32, 64, NAME, D, SECOND) FB_DEEP_TANGENT(float, f32, 64, NAME, D, SECOND)
FB_JET_SETS(BOTH)
