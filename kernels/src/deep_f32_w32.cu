// Kernels for deep networks of width 32 in single precision (deep.cuh).
#include "deep.cuh"

#define FB_DEEP(NAME, D, SECOND) FB_DEEP_KERNELS(float, f32, 32, NAME, D, SECOND)
FB_JET_SETS(FB_DEEP)
