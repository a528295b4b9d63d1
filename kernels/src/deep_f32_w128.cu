// Kernels for deep networks of width 128 in single precision (deep.cuh).
#include "deep.cuh"

#define FB_DEEP(NAME, D, SECOND) FB_DEEP_KERNELS(float, f32, 128, NAME, D, SECOND)
FB_JET_SETS(FB_DEEP)
