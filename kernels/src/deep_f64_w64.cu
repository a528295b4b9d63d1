// Kernels for deep networks of width 64 in double precision (deep.cuh).
#include "deep.cuh"

#define FB_DEEP(NAME, D, SECOND) FB_DEEP_KERNELS(double, f64, 64, NAME, D, SECOND)
FB_JET_SETS(FB_DEEP)
